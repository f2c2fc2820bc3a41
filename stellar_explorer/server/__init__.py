"""What the server does for many visitors at once: threads, admission, memory."""
