"""A profile in words and numbers: `describe`, `because`, `intent`, `tags`, `aspects`, `sentences`."""
