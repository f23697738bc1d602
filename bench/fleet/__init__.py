"""A fleet at venues that cost no CPU: what is left is what exitplan and Postgres take."""
