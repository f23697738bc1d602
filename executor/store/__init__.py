"""What is kept on disk between runs: journal, state, tracker, leases, halts, alerts and plans."""
