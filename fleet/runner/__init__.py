"""Run a fleet: ticks, and workers that take turns with the shards of a tick.

``ticks`` is the truth, as rows: which shards a tick has, who works on each, until when, and what it came to.
``presence`` says which workers there are. A ``worker`` is a parent with ``children``, one process a core, that do the
work; ``shift`` is what it lends its runner. ``port`` says what a runner is: ``local`` asks the rows for the next shard
by itself, ``dbos_runner`` lets DBOS hand shards out.
"""
