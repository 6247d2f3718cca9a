"""Fixtures that all tests share."""

import pathlib

import pytest

from dimn_tf import errors

_SHARED = pathlib.Path(__file__).resolve().parent.parent / "shared"


@pytest.fixture(scope="session")
def shared_dir() -> pathlib.Path:
    """The folder of real archives and weights; the test is skipped without it."""
    if not (_SHARED / "reid_data").is_dir():
        pytest.skip(f"needs real data: {_SHARED} is absent on this machine")
    return _SHARED


@pytest.fixture
def axes(monkeypatch) -> list:
    """The axes of every figure that is saved, in turn."""
    import matplotlib.figure

    kept, save = [], matplotlib.figure.Figure.savefig

    def saved(self, *given, **named):
        kept.extend(self.axes)
        return save(self, *given, **named)

    monkeypatch.setattr(matplotlib.figure.Figure, "savefig", saved)
    return kept


@pytest.fixture(autouse=True)
def faults_of_data(monkeypatch):
    """Whichever fault of data a test provokes: it says where, what, and what to do."""
    told = []
    make = errors.DataError.__init__

    def noted(self, *given, **fields):
        make(self, *given, **fields)
        told.append(self)

    monkeypatch.setattr(errors.DataError, "__init__", noted)
    yield
    for fault in told:
        fields = [fault.found, fault.expected, fault.action]
        if not hasattr(fault, "kind"):  # An image may come without a file.
            fields.append(fault.path)
        assert all(fields) or not any(fields), f"a field is missing: {fault}"


def pytest_collection_modifyitems(config, items):
    """In several processes, what shares a long preparation comes first.

    A process that has nothing left to do takes tests from another's end, and would
    prepare the same again.
    """
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: item.path.name != "end_to_end_test.py")
