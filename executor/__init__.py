"""Apply: journal, lease, outcomes, state, verification, alerts."""
