"""PIL's warnings, kept silent while images are decoded here, in any number of threads.

`warnings.catch_warnings` belongs to the whole process: of two threads that decode at
once, the later one puts the filters of the earlier one back, for good.
"""

import contextlib
import re
import threading
import warnings
from collections.abc import Iterator

# Action, message, category, module, line: as `warnings.filterwarnings` lays it down.
_FILTER = ("ignore", None, Warning, re.compile(r"PIL\."), 0)
_lock = threading.Lock()
_inside = 0


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """Keeps PIL's modules from warning within the block, and nothing else.

    They warn of sizes that our limits refuse, and of EXIF and palettes that are no
    matter. The first thread puts one filter into the process', the last one takes it
    out; what others put there meanwhile stays.
    """
    _count(1)
    try:
        yield
    finally:
        _count(-1)


def _count(more: int) -> None:
    global _inside
    with _lock:
        _inside += more
        if _inside and _FILTER not in warnings.filters:
            warnings.filters.insert(0, _FILTER)
        while not _inside and _FILTER in warnings.filters:
            warnings.filters.remove(_FILTER)
