"""Lists from request to answer, with what a runtime has: `requests`, `materials`, `answers`, `records`, `writers`."""
