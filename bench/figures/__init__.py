"""One measurement each: `measure(environment, sizes)` yields figures."""
