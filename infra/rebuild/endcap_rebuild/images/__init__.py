"""Vectors of the items' pictures, and whether they are worth a place in the score."""
