"""Photos encoded into an index: here, updated, or on many machines."""
