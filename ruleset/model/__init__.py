"""What is known of an account: amounts, snapshots, facts, progress and cost basis."""
