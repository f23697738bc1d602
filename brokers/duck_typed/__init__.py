"""A trading program's own broker object behind the Broker protocol: six methods and nothing else."""
