"""What a person sees: photos in, pictures of their concepts out."""
