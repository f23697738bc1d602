"""The API for programs, below /api/v1: the JSON of the command line, for those with a token."""
