"""The versioned snapshot: `snapshot`, `format`, `files`, `parts`, `ids`, `lexical`, `whitening`, `write`, `checks`, `verify`;
and what makes one current: `figures`, `gates`, `examination`, `promote`."""
