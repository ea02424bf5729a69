"""Which text encoder a shop gets: measured on its own new items and searches where it has interactions."""
