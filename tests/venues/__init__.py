"""Venues on loopback: the paper venue's matching engine behind the wire protocols of real venues.

``serving("kraken", snapshot)`` listens on 127.0.0.1 for ccxt's own client, whose ``urls["api"]`` is all that must be
changed (:func:`tests.venues.clients.connect` does it). ``handle.venue`` has the engine, the log of what went over the
wire, and the faults: ``handle.venue.faults.plan("writes", "lost_after", fault("slow", seconds=2))``.
"""
