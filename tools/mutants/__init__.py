"""Test the tests of the rooms that handle money: ``python -m tools.mutants``.

``faults`` makes the mutants: one small fault each. ``running`` tries them: it imports the tests once, notes which test
reaches which line, and lets a fork of itself run those tests on the changed code, until one fails. ``fresh`` is for the
few faults outside of functions, which work on import. What stays, and why, is in ``survivors.toml``.

It is our own because no library does it for this layout. cosmic-ray starts the whole test command for each mutant: the
import alone takes more than this tool takes for a mutant, and it cannot choose the tests that reach a line. mutmut 3
forks a warm process too, but it finds no tests for modules that lie behind links, and it passes over functions with
decorators (properties, the door of the paper venue) and all code outside of functions.
"""
