"""Words: tokens, and the sentiment of reviews."""
