"""Explore, a tab: one photo, its concepts and where they are."""
