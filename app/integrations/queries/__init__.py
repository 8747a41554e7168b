"""Finding integrations, their connections and what was called."""
