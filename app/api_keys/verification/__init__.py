"""Whether a key may be used: at once from Redis, from its row, and as a question about any call."""
