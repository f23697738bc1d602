"""Speed and memory: exitplan's evaluation against other rule engines, the whole way to a plan, and the start-up."""
