"""The description of `/api/v1`, made from the code that answers it."""
