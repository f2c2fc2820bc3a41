"""What moves, what stays: how a factorization follows a change of the photo."""
