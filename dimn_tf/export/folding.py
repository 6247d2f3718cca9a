"""Batch norm folded into the convolutions before it, for inference."""

import keras
import numpy as np

_CONVOLUTIONS = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)


class _FoldedAway(keras.layers.Layer):
    """Stands where a batch norm was; takes the arguments that one is called with."""

    def call(self, inputs, training=None, mask=None):
        """The inputs."""
        del training, mask
        return inputs


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
