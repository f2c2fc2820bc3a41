"""Atlas, a tab: the concepts of a collection as a map."""
