"""What can be ranked: `index`, `overlay`, `changes`, `vectors`, `lexical`, `columns`, `derived`, `imputation`."""
