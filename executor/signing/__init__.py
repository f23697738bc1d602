"""Signatures of plans: a plan that a person has to approve is signed with that person's key.

``sshsig`` is the format, that of OpenSSH; ``keys`` reads and makes the keys that sign; ``approval`` keeps signatures
beside plans and judges whether an account has all that it requires.
"""
