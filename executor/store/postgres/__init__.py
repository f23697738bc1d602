"""Accounts kept in Postgres: the same port as the files', over rows that a schema of two layers keeps apart.

The only place, beside the fleet, that imports psycopg; who works on files never gets here.
"""
