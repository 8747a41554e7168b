"""What operators of the installation see and do: its background jobs."""
