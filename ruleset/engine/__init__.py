"""Which rules match: durable_rules, its independent check, and the trace of an answer."""
