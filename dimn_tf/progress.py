"""Progress of long work: a bar on a terminal, lines in a log; each with its rate."""

import io
import sys
from collections.abc import Callable, Iterable

import tqdm

_LINES_SECONDS = 5.0
_SHORT_SECONDS = 2.0  # What is done sooner shows nothing.


def bar(
    iterable: Iterable | None = None,
    *,
    label: str,
    total: int | None = None,
    unit: str = "images",
    log: Callable[[str], None] | None = None,
    interval: float = _LINES_SECONDS,
    show: bool = True,
    on_stderr: bool = False,
) -> tqdm.tqdm:
    """Counts what an iterable gives, or what `update` is told, and shows how far it is.

    On a terminal it is tqdm's bar on stderr. Where stderr is none (a file, a pipe, a
    job's log), or where `log` is given, it is a line every few seconds and one at the
    end, such as `viper cam_a: 300/632 images, 1,510/s, 0:00 left`, each of them
    flushed. What takes less than two seconds shows nothing, and so does a process
    without the output that it would go to (a service's, a window's).

    Example:
        for image in progress.bar(images, label="enrolling"):
            ...
        with progress.bar(total=len(batches), label="trials", unit="trials") as shown:
            shown.update(3)

    Args:
        iterable: What is counted; None: the caller calls `update(n)`, and `close()`
            or a `with` block ends it.
        label: What leads the bar or each line.
        total: How many there are; None: the iterable's length, where it has one.
        unit: What is counted, in the plural.
        log: Takes each line; None: `print`.
        interval: Seconds between two lines.
        show: False shows nothing, and counts all the same.
        on_stderr: Whether lines go to stderr, where stdout may be a program's input.

    Returns:
        A `tqdm.tqdm`.
    """
    given = {"iterable": iterable, "total": total, "desc": label, "unit": f" {unit}"}
    if not show:
        return tqdm.tqdm(disable=True, **given)
    if log is None and sys.stderr is not None and sys.stderr.isatty():
        return tqdm.tqdm(delay=_SHORT_SECONDS, dynamic_ncols=True, **given)
    return _Lines(
        log or (_print_error if on_stderr else print_at_once), interval, **given
    )


def print_at_once(line: str) -> None:
    """Prints a line that a file or pipe shows at once, not when a buffer is full."""
    print(line, flush=True)


def _print_error(line: str) -> None:
    if sys.stderr is not None:  # `print` takes None for stdout.
        print(line, file=sys.stderr, flush=True)


class _Lines(tqdm.tqdm):
    """tqdm's counting and estimates, told in lines."""

    monitor_interval = 0  # No thread: each update looks at the clock.

    def __init__(self, log: Callable[[str], None], interval: float, **given):
        self._log, self._told = log, 0
        # tqdm's own text goes nowhere; `display` is where it means to be replaced.
        super().__init__(mininterval=interval, miniters=1, file=io.StringIO(), **given)

    def display(self, msg=None, pos=None):
        """Tells how far it is, unless it was told so already or it is soon done."""
        long = self.format_dict["elapsed"] >= _SHORT_SECONDS
        if long and self.n != self._told:
            self._told = self.n
            self._log(self._line())

    def _line(self) -> str:
        found = self.format_dict
        total, seconds = found["total"], max(found["elapsed"], 1e-9)
        rate = self.n / seconds
        text = f"{self.desc}: {self.n:,}"
        text += "" if total is None else f"/{total:,}"
        text += f"{self.unit}, {rate:,.{0 if rate >= 10 else 1}f}/s, "
        if total is None:
            return text + self._minutes(seconds)
        return text + f"{self._minutes(max(total - self.n, 0) / rate)} left"

    @staticmethod
    def _minutes(seconds: float) -> str:
        """Example: 5:09, or 1:00:00."""
        seconds = round(seconds)
        hours, minutes = divmod(seconds // 60, 60)
        minutes = f"{hours}:{minutes:02d}" if hours else f"{minutes}"
        return f"{minutes}:{seconds % 60:02d}"
