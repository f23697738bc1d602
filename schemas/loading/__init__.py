"""From bytes to documents, with the place of everything."""
