"""What tests of runs share: a finished run, and globals that are put back."""

import shutil

import keras
import pytest

from tests.dimn_tf.training import tiny_run


@pytest.fixture(autouse=True)
def _restore_globals(monkeypatch):
    tiny_run.keep_globals(monkeypatch)
    yield
    keras.mixed_precision.set_dtype_policy("float32")


@pytest.fixture(scope="session")
def _finished_run(tmp_path_factory):
    """A run of the recipe as it stands, and its method: nobody changes either."""
    folder = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as monkeypatch:
        tiny_run.keep_globals(monkeypatch)
        return folder, tiny_run.train(folder, log=lambda line: None)


@pytest.fixture
def finished(_finished_run, tmp_path):
    """The method of a run that ended in `tmp_path`."""
    folder, method = _finished_run
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    tiny_run.install()
    return method
