"""Plan and apply at venues on loopback: calls and wall time against latency, and the fewest round trips there are."""
