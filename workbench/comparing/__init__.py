"""Two policies side by side: which positions they treat otherwise, proved, and on recorded accounts.

``treatments`` proves it and finds a position of each kind, ``regions`` says which positions a kind consists of,
``settings`` lists what is not proved. ``drafts`` compares the plans of one account, ``recordings`` those of many that
were recorded in files, ``revisions`` reads a policy as it was in a revision of git.
"""
