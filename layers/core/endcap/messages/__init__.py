"""What answers say in words: `language`, `reasons`, `parameters`."""
