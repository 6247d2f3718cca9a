import contextlib
import subprocess
import sys
import time

import pytest

from tests.mutation import ask, zygote


@pytest.fixture(scope="module")
def socket(tmp_path_factory):
    path = tmp_path_factory.mktemp("zygote") / "socket"
    with subprocess.Popen(
        [sys.executable, zygote.__file__, str(path), "pytest"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline() == f"{zygote.READY}\n"
        yield path
        process.stdin.close()
        assert process.wait(10) == 0


@pytest.fixture
def folder(tmp_path):
    """A project: its code is imported from its own folder."""
    (tmp_path / "code_here.py").write_text("number = 1\n")
    (tmp_path / "code_test.py").write_text(
        "import code_here\n\ndef test_number():\n    assert code_here.number == 1\n"
    )
    return tmp_path


def _asked(socket, folder, **options):
    command = [sys.executable, "-I", "-S", ask.__file__, str(socket), str(folder)]
    arguments = ["-q", "-p", "no:cacheprovider", "code_test.py"]
    return subprocess.Popen(
        [*command, *arguments], stdout=subprocess.PIPE, text=True, **options
    )


def test_each_run_is_of_the_code_that_is_there_then(socket, folder):
    found = []
    for number in ("1", "2", "1"):
        (folder / "code_here.py").write_text(f"number = {number}\n")
        with _asked(socket, folder) as client:
            output, _ = client.communicate()
        found.append((client.returncode, "1 passed" in output))
    assert found == [(0, True), (1, False), (0, True)]


def test_a_run_ends_with_its_client_and_the_next_one_is_served(socket, folder):
    passing = (folder / "code_test.py").read_text()
    (folder / "code_test.py").write_text(
        "import pathlib, time\npathlib.Path('begun').touch()\ntime.sleep(60)\n"
        "pathlib.Path('ended').touch()\n"
    )
    start = time.monotonic()
    with _asked(socket, folder) as client:
        while not (folder / "begun").exists():
            time.sleep(0.01)
        client.kill()
        with contextlib.suppress(ValueError):
            client.stdout.read()  # To its end: nobody holds it any more.
    (folder / "code_test.py").write_text(passing)
    with _asked(socket, folder) as client:
        client.communicate()
    assert client.returncode == 0 and time.monotonic() - start < 30
    assert not (folder / "ended").exists()
