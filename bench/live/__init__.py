"""Plan and apply at venues on loopback: calls, wall time by latency, and the fewest possible round trips."""
