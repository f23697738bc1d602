"""The paper venue: a matching engine, and the file that an account lives in."""
