"""What can be done with webhooks and deliveries."""
