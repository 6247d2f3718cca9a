"""A launcher in a process of its own, and what it took."""

import contextlib
import os
import pathlib
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from experiments import process_memory, row_cost

_POLL_SECONDS = 0.1


def run(
    command: Sequence[str],
    place: pathlib.Path,
    of_run: Callable[[], dict[str, Any]] = dict,
) -> tuple[int, dict[str, Any]]:
    """Runs `python -m ...` and adds up the cost of all processes of one work.

    Args:
        command: What stands behind `python -m`.
        place: JSON of the cost so far, or free; its folder is made.
        of_run: Gives the rest of the cost, once the process has ended.

    Returns:
        The exit status (-N: it was ended by signal N), and the cost; see
        `row_cost.end`.

    Raises:
        KeyboardInterrupt: as this process was told to end, whatever became of the cost.
    """
    begun = row_cost.begin(place)
    started, peak = time.monotonic(), 0
    process = subprocess.Popen([sys.executable, "-m", *command])
    try:
        ended = 0
        while not ended:  # A wait without end may sleep over a signal.
            time.sleep(_POLL_SECONDS)
            peak = max(peak, process_memory.peak_kib(process.pid))
            ended, status, usage = os.wait4(process.pid, os.WNOHANG)
        process.returncode = os.waitstatus_to_exitcode(status)
        peak = peak or usage.ru_maxrss
    except BaseException:
        process.terminate()
        process.wait()
        seconds, rest = time.monotonic() - started, {}
        with contextlib.suppress(Exception):  # Else it would hide what ended it.
            rest = of_run()
        with contextlib.suppress(Exception):
            row_cost.end(place, begun, seconds, peak, rest)
        raise
    seconds = time.monotonic() - started
    return process.returncode, row_cost.end(place, begun, seconds, peak, of_run())
