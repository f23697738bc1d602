"""Proofs about policies: what can never happen, with a witness for everything that can.

``cells`` cuts each fact's values where a policy tells them apart, ``theory`` says which go together, ``solver``
searches, ``policy_model`` holds rules against both. Nothing here is a second planner: each witness is replayed by it.
"""
