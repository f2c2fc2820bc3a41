"""One tab a file, and what all tabs share: the theme and the public endpoints. A page arranges; it computes nothing."""
