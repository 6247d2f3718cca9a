"""A process that has imported the libraries and forks one child a test run.

    python zygote.py SOCKET [LIBRARY...]

TensorFlow's import takes seconds, a mutant's tests often less. This process imports
the libraries once, nothing of this project, and runs no operation, so that nothing
is started that a fork would break. For each request of `ask.py` it forks a child that
goes to the folder named, imports the project's code from there and runs pytest. It
ends when its standard input does, with its caller.
"""

import gc
import importlib
import json
import os
import select
import signal
import socket
import sys

LIBRARIES = (
    "faiss",
    "h5py",
    "keras",
    "matplotlib.pyplot",
    "numpy",
    "onnx",
    "PIL.Image",
    "pytest",
    "scipy.io",
    "scipy.stats",
    "sqlite3",
    "tensorflow",
    "tensorflow_datasets",
    "tensorflow_datasets.testing",
    "tqdm",
)
READY = "ready"
_POLL_SECONDS = 0.02


def _run_tests(folder: str, arguments: list[str]) -> int:
    """In the child: pytest's exit code, of the code in `folder`."""
    import pytest

    os.chdir(folder)
    sys.path[:] = [folder, *(p for p in sys.path if p not in ("", os.curdir))]
    sys.dont_write_bytecode = True
    return int(pytest.main(arguments))


def _child(request: dict, streams: list[int]) -> None:
    code = 70
    try:
        os.setsid()
        for target, stream in zip((0, 1, 2), streams, strict=True):
            os.dup2(stream, target)
        code = _run_tests(request["folder"], request["arguments"])
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)  # Nobody waits for what the tests left running.


def _kill_group(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def _serve(connection: socket.socket) -> None:
    """Forks the child, waits for it, and kills it where the client goes away."""
    message, streams, _, _ = socket.recv_fds(connection, 1 << 16, 3)
    pid = os.fork()
    if not pid:
        connection.close()
        _child(json.loads(message), streams)
    for stream in streams:
        os.close(stream)
    gone = False
    while True:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            break
        if not gone and select.select([connection], [], [], _POLL_SECONDS)[0]:
            gone = True  # The client says nothing more: this is its end.
            _kill_group(pid)
        elif gone:
            _, status = os.waitpid(pid, 0)
            break
    _kill_group(pid)  # What the tests started.
    if not gone:
        connection.sendall(b"%d" % (os.waitstatus_to_exitcode(status) & 0xFF))


def main() -> None:
    """Imports, says that it is ready, and serves one request after the other."""
    for name in sys.argv[2:] or LIBRARIES:
        importlib.import_module(name)
    gc.freeze()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(sys.argv[1])
        listener.listen()
        print(READY, flush=True)
        while True:
            found, _, _ = select.select([listener, sys.stdin], [], [])
            if sys.stdin in found:
                return
            connection, _ = listener.accept()
            with connection:
                _serve(connection)


if __name__ == "__main__":
    main()
