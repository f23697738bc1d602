"""What an account's sales realised, lot by lot.

``fills`` are our own, out of the journal; ``events`` puts them together with the venue's trades and the tracker;
``accounts`` makes the lots of an account.
"""
