"""Lint: what is wrong with policies that are well formed, proved for every position and order that there can be.

``checks`` is the registry of codes. ``rules``, ``parts``, ``gaps``, ``units`` and ``settings`` look for them, ``files``
gives findings their places, ``ignoring`` reads ``# exitplan: ignore`` comments, and ``fixing`` mends what is safe.
"""

from exitplan.workbench.lint.checks import CHECKS, MEANINGS, WARNINGS, Check, Code
from exitplan.workbench.lint.findings import Finding
from exitplan.workbench.lint.rules import lint

__all__ = ["CHECKS", "MEANINGS", "WARNINGS", "Check", "Code", "Finding", "lint"]
