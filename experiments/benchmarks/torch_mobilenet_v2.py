"""MobileNetV2 in PyTorch, for a look across the fence; needs the extra `torch`."""

from __future__ import annotations

import keras
import torch
from torch import nn

# Expansion, channels, blocks, stride: Sandler et al., CVPR 2018, table 2.
_STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
_FIRST, _LAST = 32, 1280


class MobileNetV2(nn.Module):
    """Images to features, as our encoder: float [n, 3, H, W] in 0..255 -> [n, D].

    Args:
        width: Channels relative to the standard net.
        keras_padding: Whether convolutions of stride 2 are padded below and to the
            right, as in `keras.applications`, so that weights from there give the
            same features; else on all sides, the custom in PyTorch, which costs no
            extra pass over the activations.
    """

    def __init__(self, width: float, keras_padding: bool = False):
        super().__init__()
        channels = _divisible(_FIRST * width)
        layers = _convolution(3, channels, 3, 2, keras_padding=keras_padding)
        for expansion, filters, blocks, stride in _STAGES:
            for block in range(blocks):
                out = _divisible(filters * width)
                step = 1 if block else stride
                layers.append(_Block(channels, out, expansion, step, keras_padding))
                channels = out
        last = _divisible(_LAST * width) if width > 1 else _LAST
        layers += _convolution(channels, last, 1, 1)
        self.layers = nn.Sequential(*layers)

    def forward(self, images):
        """Features; see the class."""
        return self.layers(images / 127.5 - 1.0).mean((2, 3))


class _Block(nn.Module):
    def __init__(self, channels, out, expansion, stride, keras_padding):
        super().__init__()
        hidden = channels * expansion
        layers = _convolution(channels, hidden, 1, 1) if expansion > 1 else []
        layers += _convolution(hidden, hidden, 3, stride, hidden, keras_padding)
        layers += _convolution(hidden, out, 1, 1)[:-1]  # No ReLU6 at its end.
        self.layers = nn.Sequential(*layers)
        self.residual = stride == 1 and channels == out

    def forward(self, x):
        return x + self.layers(x) if self.residual else self.layers(x)


def _convolution(channels, out, size, stride, groups=1, keras_padding=False):
    padding, layers = size // 2, []
    if keras_padding and stride > 1:
        padding, layers = 0, [nn.ZeroPad2d((0, 1, 0, 1))]
    return layers + [
        nn.Conv2d(channels, out, size, stride, padding, groups=groups, bias=False),
        nn.BatchNorm2d(out, eps=1e-3),
        nn.ReLU6(inplace=True),
    ]


def _divisible(channels: float, by: int = 8) -> int:
    """The nearest multiple, not more than a tenth below."""
    rounded = max(by, int(channels + by / 2) // by * by)
    return rounded + by if rounded < 0.9 * channels else rounded


def carry_weights(backbone: keras.Model, model: MobileNetV2) -> None:
    """Gives a model the weights of a Keras MobileNetV2 of its width (unfolded)."""
    ours = [layer for layer in backbone.layers if layer.weights]
    theirs = [m for m in model.modules() if isinstance(m, nn.Conv2d | nn.BatchNorm2d)]
    for layer, module in zip(ours, theirs, strict=True):
        weights = [torch.from_numpy(w) for w in layer.get_weights()]
        if isinstance(module, nn.BatchNorm2d):
            names = ("weight", "bias", "running_mean", "running_var")
            for name, weight in zip(names, weights, strict=True):
                getattr(module, name).data.copy_(weight)
        elif isinstance(layer, keras.layers.DepthwiseConv2D):
            module.weight.data.copy_(weights[0].permute(2, 3, 0, 1))
        else:
            module.weight.data.copy_(weights[0].permute(3, 2, 0, 1))
