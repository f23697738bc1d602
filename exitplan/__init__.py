"""exitplan: bring trading accounts back to a clean, strategy-aligned state.

The command line is :mod:`cli`; ``python -m exitplan`` is the same as ``exitplan``.
"""

from ruleset.version import VERSION

__all__ = ["VERSION"]
