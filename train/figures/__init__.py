"""What `python -m train.evaluate` measured, drawn: one figure a file, each a pure function of the JSON's numbers."""
