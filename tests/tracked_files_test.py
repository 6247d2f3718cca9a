"""What is committed: text, and pictures of results; never data or weights."""

import fnmatch
import pathlib
import runpy
import shutil
import subprocess

import pytest
import setuptools

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


def test_files_that_the_packages_read_are_installed_with_them(monkeypatch):
    """An installation that is no checkout has what `package_data` names alone."""
    given = {}
    monkeypatch.setattr(setuptools, "setup", lambda **more: given.update(more))
    monkeypatch.chdir(ROOT)
    runpy.run_path(str(ROOT / "setup.py"))
    installed = [
        f"{package.replace('.', '/')}/{pattern}"
        for package, patterns in given["package_data"].items()
        for pattern in patterns
    ]
    read = [
        path
        for path in _tracked()
        if path.startswith(("dimn_tf/", "data_builders/"))
        and not path.endswith((".py", "TAGS.txt"))
    ]
    assert len(read) > 20
    for path in read:
        assert any(fnmatch.fnmatch(path, pattern) for pattern in installed), path
