"""Answers a repeated `POST` with the first answer, by its `Idempotency-Key`."""
