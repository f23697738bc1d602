"""Policies that extend one another, merged into one document."""
