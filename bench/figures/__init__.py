"""One measurement each: `measure(stage, sizes)` yields figures."""
