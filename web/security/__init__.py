"""Who may do what: users and roles, log-in and sessions, tokens, and the guard that every route stands behind."""
