"""Weights files: found, named by their content, read without a warning."""

import warnings

import keras
import numpy as np
import pytest

from dimn_tf import errors
from dimn_tf.encoders import weight_files


def test_a_fingerprint_is_of_name_and_content(tmp_path, monkeypatch):
    path = tmp_path / "some.weights.h5"
    path.write_bytes(b"abc")
    # Of `printf abc | sha256sum`.
    digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert weight_files.fingerprint(str(path)) == f"some.weights.h5 sha256:{digest}"
    monkeypatch.chdir(tmp_path)
    assert weight_files.fingerprint("some.weights.h5").endswith(digest)
    assert weight_files.existing("some.weights.h5").read_bytes() == b"abc"


def test_a_file_that_is_not_there_is_named_with_its_place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    place = tmp_path / "absent.h5"
    for function in (weight_files.existing, weight_files.fingerprint):
        with pytest.raises(errors.UserError) as caught:
            function("absent.h5")
        assert str(caught.value).startswith("--encoder_weights=absent.h5: no such file")
        assert f"(looked at {place})" in str(caught.value)
    with pytest.raises(errors.UserError, match="no such file"):
        weight_files.existing(str(tmp_path))  # A folder is none.


def _model(units):
    images = keras.Input((2,))
    return keras.Model(images, keras.layers.Dense(units, name="only")(images))


def test_weights_are_read_and_others_refused(tmp_path):
    path = str(tmp_path / "a.weights.h5")
    saved = _model(3)
    saved.save_weights(path)
    fresh = _model(3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        weight_files.load(fresh, path)
    np.testing.assert_array_equal(fresh.get_weights()[0], saved.get_weights()[0])
    with pytest.raises(ValueError, match="only"):
        weight_files.load(_model(4), path)


def test_only_what_older_files_lack_is_not_warned_of():
    """Files of older Keras versions lack groups for containers without weights."""

    class Model:
        def load_weights(self, path):
            warnings.warn("Skipping nested container layers", stacklevel=1)
            warnings.warn(f"read {path}", stacklevel=1)

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        weight_files.load(Model(), "a.h5")
    assert [str(warning.message) for warning in caught] == ["read a.h5"]
