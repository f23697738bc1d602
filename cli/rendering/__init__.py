"""What people see: plans, checks and runs, drawn for a terminal or written plainly into a pipe."""
