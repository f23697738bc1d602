"""Watch accounts: plan each again and again, and carry out what the policy or a person allows.

``rounds`` is what is done with one account, ``schedule`` and ``track`` when (pure), ``watcher`` does it for all of them
side by side, ``threads`` is where, and ``service_manager`` tells systemd how it goes.
"""
