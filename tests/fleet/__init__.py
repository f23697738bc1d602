"""Fleets: their tables, shards, workers and commands."""
