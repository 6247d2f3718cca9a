"""A network with fewer passes over its activations, for inference."""

import keras
import numpy as np

_CONVOLUTIONS = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)


class _FoldedAway(keras.layers.Layer):
    """Stands where a batch norm was; takes the arguments that one is called with."""

    def call(self, inputs, training=None, mask=None):
        """The inputs."""
        del training, mask
        return inputs


def for_inference(model: keras.Model) -> keras.Model:
    """A copy with batch norms and zero padding folded into convolutions."""
    return fold_padding(fold_batch_norm(model))


def fold_padding(model: keras.Model) -> keras.Model:
    """Rebuilds a functional model without the zero padding before its convolutions.

    Keras' MobileNetV2 pads by a layer of its own what a convolution of stride 2 with
    padding "same" pads by itself, a copy of the activations each time. Nothing is
    changed in what is computed.

    Args:
        model: A functional `keras.Model`; left as it is.

    Returns:
        A new model in which a folded padding is an identity layer of its name. One that
        differs from "same", or that something else reads too, is kept.
    """
    folded = {}
    for layer in model.layers:
        if isinstance(layer, keras.layers.ZeroPadding2D) and len(layer._outbound_nodes):
            (*others, node) = layer._outbound_nodes
            if others or _is_output(layer, model):
                continue
            if _pads_as_same(layer, node.operation):
                folded[layer.name] = node.operation.name

    def clone(layer):
        if layer.name in folded:
            return _FoldedAway(name=layer.name)
        config = layer.get_config()
        if layer.name in folded.values():
            config["padding"] = "same"
        return type(layer).from_config(config)

    result = keras.models.clone_model(model, clone_function=clone)
    result.set_weights(model.get_weights())
    return result


def _pads_as_same(padding: keras.layers.ZeroPadding2D, convolution) -> bool:
    """Whether a convolution with padding "same" pads its input just so."""
    if (
        not isinstance(convolution, _CONVOLUTIONS)
        or convolution.padding != "valid"
        or set(convolution.dilation_rate) != {1}
    ):
        return False
    sizes = padding.input.shape[1:3]
    found = []
    for size, kernel, stride in zip(
        sizes, convolution.kernel_size, convolution.strides, strict=True
    ):
        if size is None:
            return False
        total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
        found.append((total // 2, total - total // 2))
    return found == [tuple(pair) for pair in padding.padding]


def fold_batch_norm(model: keras.Model) -> keras.Model:
    """Rebuilds a functional model without the batch norms that follow a convolution.

    At inference y = gamma (w * x - mean) / sqrt(variance + epsilon) + beta is the
    convolution (w gamma / s) * x + (beta - mean gamma / s), s the square root: one pass
    over the activations less, and nothing changed above rounding. The weights are
    folded in float64.

    Args:
        model: A functional `keras.Model`; left as it is.

    Returns:
        A new model in which a folded batch norm is an identity layer of its name. A
        batch norm that follows no convolution, or one that something else reads too,
        is kept.

    Reference: Jacob et al., "Quantization and Training of Neural Networks for
        Efficient Integer-Arithmetic-Only Inference", CVPR 2018, section 3.2.
    """
    folded = _foldable(model)
    convolutions = {convolution.name for convolution in folded.values()}

    def clone(layer):
        if layer.name in folded:
            return _FoldedAway(name=layer.name)
        config = layer.get_config()
        if layer.name in convolutions:
            config["use_bias"] = True
        return type(layer).from_config(config)

    result = keras.models.clone_model(model, clone_function=clone)
    carried = [layer for layer in model.layers if layer.weights]
    for layer in carried:
        if layer.name not in folded and layer.name not in convolutions:
            result.get_layer(layer.name).set_weights(layer.get_weights())
    for name, convolution in folded.items():
        weights = _folded_weights(convolution, model.get_layer(name))
        result.get_layer(convolution.name).set_weights(weights)
    return result


def _is_output(layer: keras.layers.Layer, model: keras.Model) -> bool:
    return any(layer.output is output for output in model.outputs)


def _foldable(model: keras.Model) -> dict[str, keras.layers.Layer]:
    """Name of a batch norm -> the convolution that it can be folded into."""
    pairs = {}
    for layer in model.layers:
        if not isinstance(layer, keras.layers.BatchNormalization):
            continue
        before = layer.input._keras_history.operation
        if (
            isinstance(before, _CONVOLUTIONS)
            and before.activation is keras.activations.linear
            and len(before._outbound_nodes) == 1
            and not _is_output(before, model)
        ):
            pairs[layer.name] = before
    return pairs


def _folded_weights(convolution, norm) -> list[np.ndarray]:
    """Kernel and bias of the convolution that does the batch norm's work too."""
    kernel, *bias = (w.astype(np.float64) for w in convolution.get_weights())
    mean = norm.moving_mean.numpy().astype(np.float64)
    variance = norm.moving_variance.numpy().astype(np.float64)
    scale = 1.0 / np.sqrt(variance + norm.epsilon)
    if norm.scale:
        scale = scale * norm.gamma.numpy()
    shift = (bias[0] if bias else 0.0) * scale - mean * scale
    if norm.center:
        shift = shift + norm.beta.numpy()
    if isinstance(convolution, keras.layers.DepthwiseConv2D):
        # Kernel [h, w, channels, multiplier]; outputs are channel by channel.
        kernel = kernel * scale.reshape(kernel.shape[2:])
    else:
        kernel = kernel * scale
    return [kernel.astype(np.float32), shift.astype(np.float32)]
