"""All accounts of a shard at once: loaded by one query, and what quiet ones remember written by one transaction.

Loading is in :mod:`loading`, the store that answers from it in :mod:`batched_store`, writing in :mod:`writing`, and
the three together in :mod:`shard_batch`.
"""
