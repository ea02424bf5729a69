"""Measures of a ranking: `ranking`, `ranks`, `bootstrap`."""
