"""Plans that wait for a person: ``book`` keeps them and the votes, ``content`` tells which plans are the same.

``deciding`` is what people do: look, approve, reject.
"""
