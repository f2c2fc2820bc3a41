"""What a concept is called."""
