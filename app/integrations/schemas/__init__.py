"""What the API takes and returns for integrations."""
