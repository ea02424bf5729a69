"""The steps of a rebuild: `runner`, `fast`, `full`, `assembly`, `model_card`."""
