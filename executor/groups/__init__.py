"""Carry out a plan over a group of accounts: legs in slices within a bound, and wound down where one fails."""
