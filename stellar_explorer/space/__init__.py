"""A Hugging Face Space of this program: what is sent, its card, its requirements, and the sending."""
