"""Thin launchers: flags in, one call, files out."""

import sys

# While Python looks for the module of `python -m experiments.x`, and only then: who
# imports this package keeps a process as it was.
if sys.argv[:1] == ["-m"]:
    from experiments import start_up

    start_up.prepare()
