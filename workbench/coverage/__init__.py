"""What of a policy its tests show: which rules decided, and which comparisons did so with either answer.

``counting`` counts while cases run, ``proving`` finds out which of what is missing can happen at all, ``report`` puts
both together.
"""
