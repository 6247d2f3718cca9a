"""What is committed: text, and pictures of results; never data or weights."""

import pathlib
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).parents[1]
PICTURES = "experiments/results/"


def _tracked() -> list[str]:
    if not shutil.which("git") or not (ROOT / ".git").exists():
        pytest.skip(f"needs a git checkout: {ROOT} is none")
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True
    )
    return [name.decode() for name in listed.stdout.split(b"\0") if name]


def test_only_text_is_committed_beside_the_pictures_of_results():
    binary = []
    for name in _tracked():
        path = ROOT / name
        picture = name.startswith(PICTURES) and name.endswith(".png")
        if not picture and path.is_file() and b"\0" in path.read_bytes():
            binary.append(name)
    assert binary == []
