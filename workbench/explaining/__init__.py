"""Why a position is what it is: every rule that was tried, what decided, and what would have to change."""
