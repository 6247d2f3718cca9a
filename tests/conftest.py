"""One export of every format, which the tests of export and gallery share."""

import dataclasses
import pathlib

import pytest

from dimn_tf import methods
from dimn_tf.export import served_model
from tests.dimn_tf.export import made_up


@dataclasses.dataclass(frozen=True)
class Exported:
    """A method and its export: nobody changes either.

    Attributes:
        method: Live.
        folder: Of the version.
        model: Loaded again.
    """

    method: methods.Method
    folder: pathlib.Path
    model: served_model.ServedModel


def _exported(method, folder, formats=("onnx", "litert")):
    version = made_up.export(method, folder, formats=formats)
    return Exported(method, version, served_model.ServedModel(version))


@pytest.fixture(scope="session")
def dimn_export(tmp_path_factory):
    """DIMN, on a tiny encoder."""
    folder = tmp_path_factory.mktemp("dimn")
    return _exported(made_up.method("dimn", tiny=True), folder)


@pytest.fixture(scope="session")
def aggregation_export(tmp_path_factory):
    """The baseline, on a tiny encoder."""
    folder = tmp_path_factory.mktemp("aggregation")
    return _exported(made_up.method("aggregation", tiny=True), folder)


@pytest.fixture(scope="session")
def halves_export(tmp_path_factory):
    """A method whose vectors are not the encoder's, on a tiny encoder."""
    folder = tmp_path_factory.mktemp("halves")
    return _exported(made_up.method("halves", tiny=True), folder)


@pytest.fixture(scope="session")
def small_export(tmp_path_factory):
    """DIMN on a tiny encoder, as a SavedModel alone: what enrolment needs."""
    folder = tmp_path_factory.mktemp("small")
    return _exported(made_up.method("dimn", tiny=True), folder, ["saved_model"])
