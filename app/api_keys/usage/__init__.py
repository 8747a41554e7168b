"""What keys used of their limits: counted, kept by hour, shown on a page."""
