"""The batch job: reads items and interactions, writes a snapshot."""
