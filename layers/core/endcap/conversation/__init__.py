"""Wishes that are told in several turns: what they come to, and what would be good to know, by the grammar alone."""
