"""What a month of a stack costs: `estimate`, `prices`."""
