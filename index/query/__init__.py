"""What can be asked of an index."""
