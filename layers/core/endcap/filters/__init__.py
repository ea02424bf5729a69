"""Which items may be shown: `parser`, `tree`, `evaluate`, `eligibility`."""
