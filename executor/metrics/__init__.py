"""What Prometheus is told of the accounts of a project.

``registry`` names every metric; ``account_figures`` reads an account's files, ``journal_totals`` counts its journal,
``call_totals`` the calls to venues; ``collector`` makes metrics of them and ``serving`` answers who scrapes.
"""
