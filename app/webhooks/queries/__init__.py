"""Finding webhooks and deliveries, always within a team."""
