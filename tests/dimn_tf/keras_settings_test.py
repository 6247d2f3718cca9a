"""Other global settings of Keras are refused by the library, set by launchers."""

import subprocess
import sys

import keras
import pytest

from dimn_tf import encoders, errors, keras_settings

OTHERS = [("floatx", "float16"), ("image_data_format", "channels_first")]


@pytest.fixture(params=OTHERS, ids=[name for name, _ in OTHERS])
def changed(request):
    name, value = request.param
    old = getattr(keras.config, name)()
    getattr(keras.config, f"set_{name}")(value)
    yield name, value
    getattr(keras.config, f"set_{name}")(old)


def test_a_model_is_not_made_with_other_settings(changed):
    name, value = changed
    with pytest.raises(errors.UserError, match=f"Keras' {name} is {value}"):
        encoders.build_encoder("mobilenet_v2", 32, 32, 0.35)


def test_launchers_set_what_is_needed(changed):
    keras_settings.apply()
    keras_settings.check()


def test_launchers_take_tensorflow_whatever_the_environment_says():
    found = subprocess.run(
        # As Python is while it looks for the module of `python -m experiments.x`.
        [
            sys.executable,
            "-c",
            "import sys; sys.argv = ['-m']; import experiments, os; print(os.environ)",
        ],
        env={"KERAS_BACKEND": "torch"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "'KERAS_BACKEND': 'tensorflow'" in found.stdout
