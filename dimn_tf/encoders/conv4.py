"""The four-block convolutional network of few-shot learning."""

import keras

from dimn_tf import errors
from dimn_tf.encoders import backbone, fused_batch_norm

FILTERS = 64
"""Of each block at width 1; the width 0.5 has the 32 of MAML, Reptile and the LSTM."""
_BLOCKS = 4


def conv4(
    height: int,
    width: int,
    width_multiplier: float,
    weights: str | None,
    batch_norm_momentum: float,
    fused: bool = True,
    stride: int = 16,
) -> keras.Model:
    """Four times: convolution 3x3 with bias, batch norm, ReLU, max pooling 2x2.

    The arguments are `mobilenet_v2.mobilenet_v2`'s; there are no weights to start from.

    Returns:
        A model from float32 [n, height, width, 3] to
        [n, height // 16, width // 16, 64 width_multiplier].

    Raises:
        errors.UserError: images too small, no filter left, or weights asked for.

    Reference: Vinyals et al., "Matching Networks for One Shot Learning", NIPS 2016,
        section 4.1.
    """
    del stride
    filters = round(FILTERS * width_multiplier)
    if filters < 1 or min(height, width) < 2**_BLOCKS:
        raise errors.UserError(
            f"--encoder=conv4: {filters} filters and images of {height} x {width}; "
            f"expected at least one filter and {2**_BLOCKS} x {2**_BLOCKS} pixels."
        )
    if weights is not None:
        raise errors.UserError(
            f"--encoder_weights={weights}: conv4 has no weights to start from; give "
            "--encoder_weights=none."
        )
    norm = (
        fused_batch_norm.FusedBatchNormalization
        if fused
        else keras.layers.BatchNormalization
    )
    images = keras.Input((height, width, 3))
    hidden = images
    for i in range(1, _BLOCKS + 1):
        hidden = keras.layers.Conv2D(
            filters, 3, padding="same", name=f"block_{i}_convolution"
        )(hidden)
        hidden = norm(momentum=batch_norm_momentum, name=f"block_{i}_norm")(hidden)
        hidden = keras.layers.ReLU(name=f"block_{i}_relu")(hidden)
        hidden = keras.layers.MaxPooling2D(2, name=f"block_{i}_pooling")(hidden)
    return keras.Model(images, hidden, name="conv4")


def zero_to_one(images):
    """RGB in 0..255 -> 0..1, as the few-shot methods take it."""
    return images / 255.0


CONV4 = backbone.Backbone(
    build=conv4,
    preprocess=zero_to_one,
    strides=(16,),
    pooling=lambda: keras.layers.Flatten(dtype="float32", name="pooling"),
)
"""Its features are the last maps as they are: D = 1,600 at 84 x 84."""

CONV4_MEAN = backbone.Backbone(build=conv4, preprocess=zero_to_one, strides=(16,))
"""Its features are the maps' means: D = 64, as PPA has it."""
