"""Thin launchers: flags in, one call, files out."""
