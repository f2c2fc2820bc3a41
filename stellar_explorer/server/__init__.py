"""What stands between visitors and the page: where the server keeps what it is sent."""
