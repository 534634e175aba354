"""The pieces of deploy/local/demo.py: one file for the workers, one for the letters, one for each store."""
