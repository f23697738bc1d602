"""Which account is meant, and opening it: its file, policy, broker and folder."""
