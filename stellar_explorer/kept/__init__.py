"""What the server keeps in memory of its visitors: photos and studies, for a while and up to a number of bytes."""
