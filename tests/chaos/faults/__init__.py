"""The faults, one file a part of the system. Each says how it strikes, how it ends, and how an operator tells it apart."""
