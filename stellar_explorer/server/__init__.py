"""What stands between visitors and the page: who may ask, who waits for whom, and where what is sent is kept."""
