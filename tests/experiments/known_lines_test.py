"""Which of TensorFlow's lines are dropped."""

import subprocess
import sys

import pytest

from experiments import known_lines

HEAD = b"0000 00:00:1795621253.851060   11161 "
CPU = [
    b"WARNING: All log messages before absl::InitializeLog() is called are written to "
    b"STDERR\n",
    b"I" + HEAD + b"port.cc:153] oneDNN custom operations are on. You may see ...\n",
    b"I" + HEAD + b"cpu_feature_guard.cc:227] This TensorFlow binary is optimized to\n",
    b"To enable the following instructions: AVX2 FMA, in other operations, rebuild "
    b"TensorFlow with the appropriate compiler flags.\n",
]
GPU = [
    b"I"
    + HEAD
    + b"cudart_stub.cc:31] Could not find cuda drivers on your machine, GPU "
    b"will not be used.\n",
    b"E" + HEAD + b"cuda_platform.cc:52] failed call to cuInit: UNKNOWN ERROR (303)\n",
]
ERRORS = [
    b"E"
    + HEAD
    + b"cuda_dnn.cc:456] Loaded runtime CuDNN library: 9.1 but source was\n",
    b"Traceback (most recent call last):\n",
    b"ImportError: libcudart.so.12: oneDNN custom operations are on.\n",
    b"Fatal Python error: Aborted",
]


@pytest.mark.parametrize("line", CPU)
def test_lines_that_say_nothing(line):
    assert known_lines.is_known(line, gpu=True) and known_lines.is_known(line, False)


@pytest.mark.parametrize("line", GPU)
def test_a_gpus_lines_are_kept_where_there_is_a_driver(line):
    assert known_lines.is_known(line, gpu=False)
    assert not known_lines.is_known(line, gpu=True)


@pytest.mark.parametrize("line", ERRORS)
def test_errors_are_kept(line):
    assert not known_lines.is_known(line, gpu=False)


def test_what_a_crashing_import_writes_is_shown():
    program = (
        "import os\n"
        "from experiments import start_up\n"
        "with start_up.without_known_lines():\n"
        f"    os.write(2, {CPU[0] + ERRORS[0]!r})\n"
        "    os.write(2, b'last words'); os.abort()\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=False
    )
    assert ended.returncode < 0
    assert ended.stderr == ERRORS[0] + b"last words"
