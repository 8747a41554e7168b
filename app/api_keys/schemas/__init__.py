"""What the API takes and returns about keys."""
