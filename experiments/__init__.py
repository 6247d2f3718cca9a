"""Thin launchers: flags in, one call, files out."""

from experiments import start_up

start_up.prepare()
