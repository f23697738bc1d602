"""The command line: one file a verb; each parses, calls, renders and gives an exit code."""
