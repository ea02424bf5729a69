"""Words: `tokens`, the `terms` that searches find items by, and the sentiment of reviews."""
