"""HTTP, request to answer.

`http`, `routes`, `openapi`, `schemas`, `parse`, `responses`, `cursors`, `personalize`, `language`, `scenarios`,
`synonyms`, `parameters`.
"""
