"""What a person has: a folder, files or a list of them, Parquet, tar files, a saved data set, or one of the hub."""
