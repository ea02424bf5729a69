"""The versioned snapshot: `snapshot`, `format`, `files`, `parts`, `write`, `verify`, `whitening`, `promote`."""
