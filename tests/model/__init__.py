"""Check the order protocol as a model is checked: the real executor, journal and lease, every interleaving to a depth.

Time, the venue, crashes and a second process are in the hands of the checker, which takes every way to go on at every
border between one durable step and the next. See :mod:`tests.model.explore`.
"""
