"""Settings and weights by a later window of time: `split`, `list_search`, `candidates`, `weight_search`, `halves`, `balance`, `repeats`."""
