"""A gallery over HTTP: search, enrol, compare, remove. Extra `service` of setup.py."""
