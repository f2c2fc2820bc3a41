"""Pure functions from arrays to pictures: no page, no model, no files that were not asked for."""
