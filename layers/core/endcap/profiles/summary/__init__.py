"""A profile in words and numbers: `describe`, `intent`, `tags`, `aspects`, `sentences`."""
