"""The dashboard: accounts, plans and approvals in a browser, over the same operations as the command line."""
