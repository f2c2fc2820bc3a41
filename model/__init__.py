"""What a photo becomes: patch features, semantics and localization. Knows no data set, loss, index or page."""
