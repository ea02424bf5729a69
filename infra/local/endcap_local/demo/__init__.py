"""A shopper's session on the bundled shop: `demo`, `session`, `story`, `make_data`."""
