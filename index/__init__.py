"""Concepts across many photos: stored, searched, mapped."""
