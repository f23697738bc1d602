"""The shapes of exitplan's files as JSON Schema, draft 7, made from the registries of the rule set."""
