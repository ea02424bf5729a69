"""What is kept of a shopper: `profile`, its `codec`, `ingest`, `identity`, `links`, `attributes`, `summary`."""
