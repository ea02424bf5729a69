"""What is followed while serving: `polling`, `snapshot`, `document`, `catalogue`, `challenger`, `counts`."""
