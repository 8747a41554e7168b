"""Building blocks without Flask and without a database."""
