"""Asks the zygote to run tests; cosmic-ray's test command.

    python -I -S ask.py SOCKET FOLDER PYTEST_ARGUMENT...

Standard library alone, so that it starts in milliseconds. Its streams become the
tests' own; its exit code is pytest's.
"""

import json
import socket
import sys


def main() -> int:
    """Hands over the streams and waits."""
    address, folder, *arguments = sys.argv[1:]
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(address)
        request = json.dumps({"folder": folder, "arguments": arguments})
        socket.send_fds(connection, [request.encode()], [0, 1, 2])
        code = connection.recv(16)
    return int(code) if code else 70


if __name__ == "__main__":
    sys.exit(main())
