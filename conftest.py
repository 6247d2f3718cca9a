"""Fixtures that all tests share."""

import pathlib

import pytest

_SHARED = pathlib.Path(__file__).resolve().parent.parent / "shared"


@pytest.fixture(scope="session")
def shared_dir() -> pathlib.Path:
    """The folder of real archives and weights; the test is skipped without it."""
    if not (_SHARED / "reid_data").is_dir():
        pytest.skip(f"needs real data: {_SHARED} is absent on this machine")
    return _SHARED
