"""A fleet: many accounts in Postgres, divided into shards that workers take turns with."""
