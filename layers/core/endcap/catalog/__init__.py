"""What the shop sells: `item`, its `row` in the table, many in `bulk`, a `patch` of one; `stock` and `markup` read."""
