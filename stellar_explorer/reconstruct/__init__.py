"""Reconstruct, a tab: a photo rebuilt from few tokens, beside the baselines."""
