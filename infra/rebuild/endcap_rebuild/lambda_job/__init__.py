"""The rebuild as one call of Lambda, and what it hands over to a training job: `inputs`, `plan`, `run`, `code`."""
