"""Carry out a plan: staleness, orders, reconciliation and recovery."""
