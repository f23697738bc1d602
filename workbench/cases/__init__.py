"""Policy tests: cases in YAML beside the policies, run through the planner and, over several cycles, the executor.

``case_file`` reads them, ``accounts`` builds the accounts that they name, ``answers`` says what a plan makes of a
position, ``expectations`` compares, ``running`` runs.
"""
