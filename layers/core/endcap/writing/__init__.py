"""A model that may read queries and word reasons, where the stack names one: `asked`, `queries`, `phrases`."""
