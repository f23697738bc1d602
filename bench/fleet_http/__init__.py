"""A thousand quiet accounts at a venue on loopback: how many a second one process reads and plans, in what memory."""
