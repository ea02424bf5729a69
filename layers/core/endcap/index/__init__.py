"""What can be ranked: `index`, made of `derived`, `columns`, `names`, `vectors`; `overlay` and what lies over it."""
