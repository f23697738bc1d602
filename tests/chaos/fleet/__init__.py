"""Break a whole fleet: real workers on a real Postgres, while anything at all happens to either."""
