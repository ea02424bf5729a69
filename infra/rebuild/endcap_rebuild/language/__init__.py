"""Texts about items by a writer, and whether they are worth a vector of their own."""
