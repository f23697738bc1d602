"""The error codes of the venues that exitplan knows, and what each means after a write: one table a venue.

A code that stands in no table is unknown: the order may have been executed. So a code is added where the venue's
documents, or a reply that was seen, say that nothing happened, and left out where they do not.
"""
