"""Health models: what they are trained on, how they are fitted, and how good they are on what they have not seen."""
