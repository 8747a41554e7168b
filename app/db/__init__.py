"""The database: declarative base, column types, engine behaviour."""
