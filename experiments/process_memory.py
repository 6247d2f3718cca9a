"""How much memory another process takes."""

import pathlib

_HIGH_WATER = "VmHWM:"


def peak_kib(pid: int) -> int:
    """Highest resident memory of a process up to now, KiB.

    The process' own: `wait4` tells the highest of its and its caller's.

    Returns:
        0 once it has ended, and where the system keeps no such figure.
    """
    try:
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    found = [line for line in status.splitlines() if line.startswith(_HIGH_WATER)]
    return int(found[0].split()[1]) if found else 0
