"""What the routes under `/admin/` answer, by what a runtime has: one module for each page that operators look at."""
