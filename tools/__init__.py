"""What sets the checkout up and keeps its lock files honest."""
