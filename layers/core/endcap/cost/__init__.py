"""What a month of a stack costs: `estimate`, of `month`, `quantities` and `prices`; `rebuilds`; `so_far`."""
