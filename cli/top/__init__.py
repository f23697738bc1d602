"""``exitplan top``: the tables of the dashboard in a terminal, live.

``texts`` words what is shown, ``accounts`` and ``account`` are the two screens, ``app`` is what runs. It reads what
``exitplan serve`` reads, and changes nothing.
"""
