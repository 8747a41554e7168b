"""Templates for common uses: integration, webhook, event types and notification, set up together in one step."""
