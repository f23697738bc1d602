"""A thousand quiet accounts at one venue on loopback: accounts a second that one process reads and plans, and its memory."""
