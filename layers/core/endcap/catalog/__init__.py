"""What the shop sells: `item`, its `row` in the table, and many of them in `bulk`."""
