"""Models, a tab: checkpoints, their scores and runs."""
