"""From decisions to a plan: categories, exits, unwinds, guards, checks and the document."""
