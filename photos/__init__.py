"""What a person has, as photos: decoding, limits and fitting. The one reader of page, index and training."""
