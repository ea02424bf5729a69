"""Quarantined and stranded events, sent again: `replay`, `sources`."""
