"""Edit, a tab: concepts moved, removed and swapped, and the picture made of them."""
