"""Retrieve, a tab: a concept, or several, found in other photos."""
