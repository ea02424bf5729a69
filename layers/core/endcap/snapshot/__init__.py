"""The versioned snapshot.

As files: `format`, `files`, `parts`, `ids`, `lexical`, `whitening`, `write`, `snapshot`, `checks`, `verify`; what makes
one the current one: `figures`, `gates`, `examination`, `promote`.
"""
