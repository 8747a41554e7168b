"""What GraphQL does: take over schemas, change operations, run them. Each function that changes something is one transaction."""
