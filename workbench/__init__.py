"""The policy workbench: what people who change policies try them with, without credentials and without a network.

``invention`` builds an account in which a position has given facts; everything that is claimed of a policy is replayed
on such accounts by the planner itself.
"""
