"""Files of lots and trades that other tools read: one module a tool, and the list of them in ``forms``."""
