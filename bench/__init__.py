"""Speed and memory: exitplan's evaluation compared with other rule engines, a whole plan, and start-up."""
