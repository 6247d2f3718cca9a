"""What the program needs of Keras' global settings, which a user's file may change.

`~/.keras/keras.json` and the environment choose Keras' backend, float type and order of
axes; with others than these, figures differ or nothing runs.
"""

import keras

from dimn_tf import errors

NEEDED = {
    "backend": "tensorflow",
    "floatx": "float32",
    "image_data_format": "channels_last",
}


def apply() -> None:
    """Sets them for this process; for programs, which own the process."""
    keras.config.set_floatx(NEEDED["floatx"])
    keras.config.set_image_data_format(NEEDED["image_data_format"])


def check() -> None:
    """Refuses other settings; for the library, which changes none behind one's back.

    Raises:
        errors.UserError: names the first setting that differs.
    """
    for name, needed in NEEDED.items():
        found = getattr(keras.config, name)()
        if found != needed:
            raise errors.UserError(
                f"Keras' {name} is {found}, {needed} is needed. Change it in "
                "~/.keras/keras.json (or KERAS_BACKEND, or by keras.config) before "
                "the model is made."
            )
