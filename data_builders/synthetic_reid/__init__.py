"""Rendered pedestrians in several camera networks."""
