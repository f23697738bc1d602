"""How likely a position comes to a bad end: features of it, a model of coefficients, and the score."""
