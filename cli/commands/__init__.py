"""One file a command: each parses, calls, renders and gives an exit code."""
