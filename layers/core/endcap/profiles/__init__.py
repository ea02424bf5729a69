"""What is kept of a shopper.

`entries`, `profile`, its `codec`, `ingest`, `identity`, `links`, `adoption`, `erasure`, `attributes`, `summary`.
"""
