"""What a query says beside what is searched for: limits, exclusions, facets and order, by a grammar without a model."""
