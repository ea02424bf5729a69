"""Why an item is where it is: `reasons`, `support`, `counterfactuals`, `words`."""
