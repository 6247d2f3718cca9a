"""What a training step has to do: multiply-adds, and bytes to and from memory."""

import math

import keras

from dimn_tf import encoders


def multiply_adds(
    height: int, width: int, encoder_width: float, pairs: int, identities: int
) -> float:
    """Of a step's convolutions and matrix products, forward and back.

    Going back costs twice the way forward, by the inputs and by the weights, but where
    one of them has no gradient: images and the memory.

    Args:
        height: Image height, pixels.
        width: Image width, pixels.
        encoder_width: Width multiplier of MobileNetV2.
        pairs: C_b.
        identities: C.
    """
    encoder = encoders.build_encoder("mobilenet_v2", height, width, encoder_width)
    forward_back = 0
    for layer in encoder.backbone.layers:
        if isinstance(layer, keras.layers.DepthwiseConv2D | keras.layers.Conv2D):
            rows, columns, channels = layer.output.shape[1:]
            kernel = layer.kernel.shape
            inputs = 1 if isinstance(layer, keras.layers.DepthwiseConv2D) else kernel[2]
            forward = rows * columns * channels * kernel[0] * kernel[1] * inputs
            is_first = isinstance(
                layer.input._keras_history[0], keras.layers.InputLayer
            )
            forward_back += forward * (2 if is_first else 3)
    dimension = encoder.feature_dimension
    # Of each pair: the mapping of one image; f_theta, and W, which has no gradient.
    of_pair = 2 * forward_back + 3 * dimension**2 + (3 + 2) * dimension * identities
    return float(pairs * of_pair)


def gigabytes(
    height: int, width: int, encoder_width: float, images: int
) -> dict[str, float]:
    """Of float32 activations that the encoder's layers read and write, by their kind.

    An account, as if nothing stayed in a cache and each layer went by itself: forward
    it reads its inputs and writes its outputs; back it reads its outputs' gradient and
    its inputs, and writes their gradient. A convolution reads that gradient twice (for
    the inputs and for the weights), a batch norm reads all twice each way (first for
    means). Weights are left out: they are a few per cent.

    Args:
        height: Image height, pixels.
        width: Image width, pixels.
        encoder_width: Width multiplier of MobileNetV2.
        images: Of a step.

    Returns:
        `depthwise` and `other_convolutions`, `norms`, `rest` (activation functions,
        padding, sums).
    """
    encoder = encoders.build_encoder("mobilenet_v2", height, width, encoder_width)
    found = dict.fromkeys(("depthwise", "other_convolutions", "norms", "rest"), 0)
    for layer in encoder.backbone.layers:
        if isinstance(layer, keras.layers.InputLayer):
            continue
        inputs = sum(_size(tensor) for tensor in keras.tree.flatten(layer.input))
        outputs = _size(layer.output)
        if isinstance(layer, keras.layers.DepthwiseConv2D):
            found["depthwise"] += 3 * inputs + 3 * outputs
        elif isinstance(layer, keras.layers.Conv2D):
            found["other_convolutions"] += 3 * inputs + 3 * outputs
        elif isinstance(layer, keras.layers.BatchNormalization):
            found["norms"] += 5 * inputs + 3 * outputs
        else:
            found["rest"] += 3 * inputs + 2 * outputs
    return {kind: 4e-9 * images * values for kind, values in found.items()}


def _size(tensor) -> int:
    return math.prod(tensor.shape[1:])
