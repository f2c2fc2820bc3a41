"""Weights: files, the hub, foreign names, identity."""
