"""Having items described by a writer: who writes, what is asked, and what of an answer is grounded in the item."""
