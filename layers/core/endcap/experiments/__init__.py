"""A/B tests: `assignment`, `config`."""
