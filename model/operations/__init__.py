"""What is done to a factorization: edited, moved, merged, thresholded, cut to a budget."""
