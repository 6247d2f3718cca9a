"""Runs a command as a process of its own, and measures its time, memory and disk."""

import dataclasses
import os
import pathlib
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence

from experiments import process_memory

_POLL_SECONDS = 0.05


@dataclasses.dataclass(frozen=True)
class Stage:
    """What a command did and took.

    Attributes:
        name: of the stage.
        command: the command line.
        exit_code: 0 to 255, or minus the signal that ended it.
        seconds: wall time.
        cpu_seconds: processor time, user and system.
        peak_memory_mb: highest resident memory of the process, 10^6 bytes.
        temporary_peak_mb: most that lay in the folder for temporary files.
        load_before: other work: the machine's load average (one minute) at the start.
        lines: (seconds since the start, line) of what it printed.
    """

    name: str
    command: tuple[str, ...]
    exit_code: int
    seconds: float
    cpu_seconds: float
    peak_memory_mb: float
    temporary_peak_mb: float
    load_before: float
    lines: tuple[tuple[float, str], ...]

    @property
    def printed(self) -> str:
        """All that it printed, errors included."""
        return "\n".join(line for _, line in self.lines)

    def seconds_at(self, marks: Mapping[str, str]) -> dict[str, float]:
        """When a line that holds each text came first; texts that never came left out.

        Args:
            marks: name -> text.
        """
        found = {}
        for seconds, line in self.lines:
            for name, text in marks.items():
                if name not in found and text in line:
                    found[name] = round(seconds, 1)
        return found

    def record(self, marks: Mapping[str, str]) -> dict[str, object]:
        """JSON values of the figures; see `seconds_at` for `marks`."""
        return {
            "command": " ".join(self.command),
            "exit_code": self.exit_code,
            "seconds": round(self.seconds, 1),
            "cpu_seconds": round(self.cpu_seconds, 1),
            "peak_memory_mb": round(self.peak_memory_mb),
            "temporary_peak_mb": round(self.temporary_peak_mb),
            "load_before": round(self.load_before, 1),
            "seconds_at": self.seconds_at(marks),
        }


def megabytes(folder: pathlib.Path) -> float:
    """Size of all files below a folder, 10^6 bytes; 0 where it is not there."""
    total = 0
    for where, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(where, name)).st_size
            except FileNotFoundError:  # Removed in the meantime.
                continue
    return total / 1e6


def run(
    name: str,
    command: Sequence[str],
    cwd: pathlib.Path,
    scratch: pathlib.Path,
    log: pathlib.Path,
    kill_when: Callable[[], bool] | None = None,
    kill_signal: signal.Signals = signal.SIGKILL,
) -> Stage:
    """Runs a command to its end, or until it is to be killed.

    Memory is the system's own high-water mark, read many times a second: what comes
    in the last instant is missed, and so would be processes that the command starts.
    (`wait4` tells the highest of the caller's and the command's.)

    Args:
        name: of the stage.
        command: the command line.
        cwd: its working directory.
        scratch: its folder for temporary files (TMPDIR), made where it is not there.
        log: where its output goes, with the second in which each line came.
        kill_when: asked many times a second; the process gets a signal where it says
            True.
        kill_signal: that signal.
    """
    scratch.mkdir(parents=True, exist_ok=True)
    log.parent.mkdir(parents=True, exist_ok=True)
    load = os.getloadavg()[0]
    start = time.monotonic()
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env={**os.environ, "TMPDIR": str(scratch), "PYTHONUNBUFFERED": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="backslashreplace",
    )
    lines = []

    def listen():
        with log.open("w") as file:
            for line in process.stdout:
                lines.append((time.monotonic() - start, line.rstrip("\n")))
                file.write(f"{lines[-1][0]:8.1f}  {lines[-1][1]}\n")
                file.flush()

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    memory, temporary, ended = 0.0, 0.0, 0
    try:
        while not ended:
            memory = max(memory, process_memory.peak_kib(process.pid) * 1024 / 1e6)
            ended, status, usage = os.wait4(process.pid, os.WNOHANG)
            temporary = max(temporary, megabytes(scratch))
            if not ended:
                if kill_when is not None and kill_when():
                    process.send_signal(kill_signal)
                    kill_when = None
                time.sleep(_POLL_SECONDS)
    finally:
        if not ended:  # This process is interrupted: leave no other behind.
            process.kill()
            process.wait()
    seconds = time.monotonic() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    listener.join()
    process.stdout.close()
    return Stage(
        name=name,
        command=tuple(command),
        exit_code=process.returncode,
        seconds=seconds,
        cpu_seconds=usage.ru_utime + usage.ru_stime,
        peak_memory_mb=memory,
        temporary_peak_mb=temporary,
        load_before=load,
        lines=tuple(lines),
    )
