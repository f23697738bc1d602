"""Change the policy of a fleet: look ahead on what was last seen of each account, then move them stage by stage.

``selection`` says which accounts, ``targets`` which policy each would get; ``recorded`` reads what was last seen of
them, ``planning`` plans it under both policies, ``forecast`` adds up what changes. ``placing`` and ``stages`` decide
who moves when, and are pure; ``moving``, ``health`` and ``tending`` carry that out in Postgres, ``starting`` and
``deciding`` are what a person does.
"""
