"""What lists have brought: records of lists and events joined, counted, and told with intervals."""
