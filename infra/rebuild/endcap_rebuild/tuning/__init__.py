"""Settings by a later window of time (`split`, `list_search`), and weights (`weight_search` and what it calls)."""
