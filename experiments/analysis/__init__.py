"""Understanding results: what matters (sensitivity), what it is worth, which policy to choose, and when it fails."""
