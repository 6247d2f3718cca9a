"""Training: one fit for all methods."""
