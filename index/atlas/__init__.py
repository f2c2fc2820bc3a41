"""The map of an index's concepts."""
