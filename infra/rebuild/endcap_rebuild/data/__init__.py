"""What a rebuild reads: `reading`, `exports`, `event_table`, `dataset`, `clock`, `columns`, `searches`."""
