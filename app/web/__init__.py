"""What every page and API route shares: who is calling, rendering, errors, headers."""
