"""The escalation ladder: what goes wrong for too long is told step by step, until a person takes it or it is over.

``troubles`` finds what is wrong now, ``climbing`` decides (pure), ``incidents`` keeps it in the journal's file, and
``ladder.tend`` does all of that, after each run and verification.
"""
