"""A user's own ReID data."""
