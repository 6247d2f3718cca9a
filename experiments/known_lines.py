"""TensorFlow's start-up lines that say nothing to a user, and a filter of them.

TensorFlow writes them to the file descriptor of stderr before any setting of a log
level counts. As a script, this copies stdin to stdout without them; it is a process of
its own, so that what a crash while importing writes last is shown too.
"""

import os
import re
import sys

_HEAD = rb"(?:[IWE]\d{4} [\d:.]+ +\d+ |\d{4}-\d\d-\d\d [\d:.]+: [IWE] )\S+\] "
_ALWAYS = (
    rb"WARNING: All log messages before absl::InitializeLog\(\) is called are written "
    rb"to STDERR",
    _HEAD + rb"oneDNN custom operations are on\..*",
    _HEAD + rb"This TensorFlow binary is optimized .*",
    rb"To enable the following instructions: .* rebuild TensorFlow with .*",
    _HEAD
    + rb"Unable to register cu\w+ (?:factory|plugin): .*already been registered.*",
    _HEAD + rb"computation placer already registered\..*",
    _HEAD + rb"TF-TRT Warning: Could not find TensorRT",
)
_WITHOUT_A_GPU = (
    _HEAD + rb"Could not find cuda drivers on your machine, GPU will not be used\.",
    _HEAD + rb"failed call to cuInit: .*",
    rb".* cuda_diagnostics\.cc:\d+\] .*",
)
_DRIVERS = ("/proc/driver/nvidia", "/dev/nvidiactl", "/dev/dxg")


def has_gpu_driver() -> bool:
    """Whether a driver is there, of which an error would matter."""
    return any(os.path.exists(path) for path in _DRIVERS)


def is_known(line: bytes, gpu: bool) -> bool:
    """Whether a line of stderr is one that says nothing.

    Args:
        line: One line.
        gpu: Whether there is a GPU's driver: lines on it are then kept.
    """
    known = _ALWAYS if gpu else (*_ALWAYS, *_WITHOUT_A_GPU)
    return any(re.fullmatch(pattern, line.rstrip(b"\r\n")) for pattern in known)


def _copy() -> None:
    gpu = has_gpu_driver()
    for line in sys.stdin.buffer:
        if not is_known(line, gpu):
            sys.stdout.buffer.write(line)
            sys.stdout.buffer.flush()


if __name__ == "__main__":
    _copy()
