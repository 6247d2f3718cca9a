"""What backbones of `keras.applications` share: weights, stride, fused batch norm."""

from collections.abc import Callable, Mapping

import keras

from dimn_tf.encoders import fused_batch_norm, weight_files


def adapted(
    build: Callable[[str | None], keras.Model],
    weights: str | None,
    batch_norm_momentum: float,
    fused: bool = True,
    changes: Mapping[str, Mapping] | None = None,
) -> keras.Model:
    """A stock graph with its weights, other strides, and batch norm on one kernel.

    Args:
        build: Takes "imagenet" or None; gives the stock graph.
        weights: "imagenet", the path of a weights file of the stock graph, or None
            for a random start.
        batch_norm_momentum: Share of the old moving average kept each step, 0..1.
        fused: Whether batch norm runs on the fused kernel (False: the stock graph,
            for comparison).
        changes: Name of a layer -> what is other in its configuration. No weight may
            change its shape by it.
    """
    stock = build("imagenet" if weights == "imagenet" else None)
    if weights not in (None, "imagenet"):
        weight_files.load(stock, weights)
    if changes:
        stock = _changed(stock, changes)
    if fused:
        model = fused_batch_norm.fuse_batch_norm(stock, batch_norm_momentum)
        model.set_weights(stock.get_weights())
        return model
    for layer in stock.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = batch_norm_momentum
    return stock


def _changed(stock: keras.Model, changes: Mapping[str, Mapping]) -> keras.Model:
    def clone(layer):
        config = {**layer.get_config(), **changes.get(layer.name, {})}
        return type(layer).from_config(config)

    model = keras.models.clone_model(stock, clone_function=clone)
    model.set_weights(stock.get_weights())
    return model
