"""What is followed while serving: `snapshot`, `document`, `catalogue`, `challenger`, `counts`."""
