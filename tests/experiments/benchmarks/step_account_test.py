"""The account of a training step, against MobileNetV2's own table."""

import pytest

from experiments.benchmarks import step_account

# Expansion, channels, repetitions, stride of the first (Sandler et al., 2018, Table 2).
_BLOCKS = [
    (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1),
    (6, 160, 3, 2), (6, 320, 1, 1),
]  # fmt: skip


@pytest.mark.parametrize(
    ("size", "of_image"), [((128, 64, 1.0), 49e6), ((256, 128, 1.4), 379e6)]
)
def test_multiply_adds_are_the_networks(size, of_image):
    dimension = 1792 if size[2] > 1 else 1280
    of_pair = 3 * (2 * of_image + dimension**2) + 5 * dimension * 18_530
    found = step_account.multiply_adds(*size, pairs=32, identities=18_530)
    assert found == pytest.approx(32 * of_pair, rel=0.02)
    more = step_account.multiply_adds(*size, pairs=32, identities=18_531)
    assert more - found == 32 * 5 * dimension


def test_bytes_are_the_networks():
    expected = dict.fromkeys(("depthwise", "other_convolutions", "norms", "rest"), 0)

    def convolution(kind, inputs, outputs):
        # Forward in, out; back: out's gradient twice, in, its gradient.
        expected[kind] += inputs + outputs + 2 * outputs + 2 * inputs

    def norm(values):
        expected["norms"] += 2 * values + values + 2 * (2 * values) + values

    def other(inputs, outputs):
        expected["rest"] += inputs + outputs + outputs + 2 * inputs

    rows, columns, channels = 64, 32, 32
    convolution("other_convolutions", 128 * 64 * 3, rows * columns * channels)
    norm(rows * columns * channels)
    other(rows * columns * channels, rows * columns * channels)
    for expansion, width, repetitions, stride in _BLOCKS:
        for i in range(repetitions):
            inputs = rows * columns * channels
            wide = channels * expansion
            if expansion > 1:
                convolution("other_convolutions", inputs, rows * columns * wide)
                norm(rows * columns * wide)
                other(rows * columns * wide, rows * columns * wide)
            before = rows * columns * wide
            if stride == 2 and i == 0:  # Padded by a layer of its own.
                padded = (rows + 1) * (columns + 1) * wide
                other(before, padded)
                before, rows, columns = padded, rows // 2, columns // 2
            after = rows * columns * wide
            convolution("depthwise", before, after)
            norm(after)
            other(after, after)
            convolution("other_convolutions", after, rows * columns * width)
            norm(rows * columns * width)
            if i:
                other(2 * rows * columns * width, rows * columns * width)
            channels = width
    convolution("other_convolutions", rows * columns * 320, rows * columns * 1280)
    norm(rows * columns * 1280)
    other(rows * columns * 1280, rows * columns * 1280)
    found = step_account.gigabytes(128, 64, 1.0, images=10)
    assert found == pytest.approx({k: v * 4e-8 for k, v in expected.items()}, rel=1e-6)
