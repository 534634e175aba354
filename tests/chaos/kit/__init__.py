"""What the chaos suite stands on: servers of its own that it may hurt, and the driver that strikes, waits, measures and compares."""
