"""What lies on the disk: shards, the catalogue that names them, and how both change."""
