"""Which note starts when."""
