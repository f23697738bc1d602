"""Venues: the Broker protocol, and one folder or file a venue."""
