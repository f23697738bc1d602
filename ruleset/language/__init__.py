"""The policy language: conditions, the typed policy, and every problem in one."""
