"""The objective: one loss a file, each a function of tensors. The recipe's weights say which are used, and how much."""
