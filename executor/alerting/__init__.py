"""Delivery of alerts: from the alert files of all accounts to the channels of ``alerts.yaml``.

``channels`` reads that file, ``intake`` takes alerts from the files into the ``outbox``, ``timing`` says when each may
go, ``messages`` words them, ``sending`` hands them to apprise. ``delivery`` is the way in.
"""
