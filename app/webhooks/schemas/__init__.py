"""What the API takes and returns for webhooks and deliveries."""
