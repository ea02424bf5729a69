"""What answers say in words: `language`, `reasons`, and one file of `texts` for each language, `en` and `zh`."""
