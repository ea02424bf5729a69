"""What experiments showed: exposures and events of the archive, joined, counted and compared."""
