"""What a run can train, a learner a file, and the parts they are made of."""
