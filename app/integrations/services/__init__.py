"""What can be done with integrations."""
