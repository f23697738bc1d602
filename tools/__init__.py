"""Sets up the checkout and checks its lock files."""
