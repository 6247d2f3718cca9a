"""Image files of a request -> the encoder's input, and which of them are none."""

import tensorflow as tf

from dimn_tf.data import resizing
from dimn_tf.export import layout
from dimn_tf.images import LARGEST_PIXELS

LARGEST_REQUEST_PIXELS = 2 * LARGEST_PIXELS
"""Pixels decoded of all images of a request; ours. Whatever a request claims, decoding
it takes little more than a gigabyte."""

_PNG, _BMP = b"\x89PNG\r\n\x1a\n", b"BM"


def decode_batch(
    encoded: tf.Tensor, height: int, width: int
) -> tuple[tf.Tensor, tf.Tensor]:
    """Decodes and resizes each image file of a batch, several at once.

    Headers are looked at before anything is decoded. GIF files are refused: their
    header does not tell how many frames of which size a decoder has to unpack.
    TensorFlow's decoders raise, and a graph cannot catch: tf.data passes over the bad
    files, and the indices that are left are looked at.

    Args:
        encoded: string [n], the bytes of JPEG, PNG or BMP files.
        height: rows of the result, in pixels.
        width: columns of the result, in pixels.

    Returns:
        float32 [n, height, width, 3], RGB in 0..255, as
        `dimn_tf.data.resizing.decode_and_resize` makes them, zeros where there is no
        image; and string [n], why there is none: empty where there is, else
        `layout.UNDECODABLE`, `layout.TOO_LARGE` or `layout.REQUEST_FULL`. Images
        count in their order until the request is full.
    """
    count = tf.size(encoded, out_type=tf.int64)
    everything = tf.range(count)
    looked_at, claimed = _of_good(
        everything, lambda index: pixels_claimed(encoded[index]), tf.int64, ()
    )
    claims = _scattered(looked_at, claimed, count)
    known, small = claims > 0, claims <= LARGEST_PIXELS
    wanted = tf.where(known & small, claims, 0)
    admitted = known & small & (tf.cumsum(wanted) <= LARGEST_REQUEST_PIXELS)
    there, images = _of_good(
        tf.boolean_mask(everything, admitted),
        lambda index: resizing.decode_and_resize(encoded[index], height, width),
        tf.float32,
        (height, width, 3),
    )
    decoded = _scattered(there, tf.ones_like(there), count) > 0
    faults = tf.fill(tf.shape(encoded), layout.UNDECODABLE)
    faults = tf.where(known & small & ~admitted, layout.REQUEST_FULL, faults)
    faults = tf.where(known & ~small, layout.TOO_LARGE, faults)
    faults = tf.where(decoded, "", faults)
    images = _scattered(there, images, count)
    return tf.ensure_shape(images, (None, height, width, 3)), faults


def decode_good_batch(encoded: tf.Tensor, height: int, width: int) -> tf.Tensor:
    """The images of `decode_batch` where every file is good, in less time.

    Args:
        encoded: string [n].
        height: rows of the result, in pixels.
        width: columns of the result, in pixels.

    Returns:
        float32 [n, height, width, 3].

    Raises:
        tf.errors.OpError: a file is not; `decode_batch` tells which.
    """
    claims = tf.map_fn(pixels_claimed, encoded, fn_output_signature=tf.int64)
    refused = (claims <= 0) | (claims > LARGEST_PIXELS)
    full = tf.reduce_sum(claims) > LARGEST_REQUEST_PIXELS
    check = tf.debugging.assert_equal(tf.reduce_any(refused) | full, False)
    with tf.control_dependencies([check]):
        return tf.map_fn(
            lambda content: resizing.decode_and_resize(content, height, width),
            encoded,
            fn_output_signature=tf.TensorSpec((height, width, 3), tf.float32),
        )


def nan_where(values: tf.Tensor, faulty: tf.Tensor) -> tf.Tensor:
    """Values, NaN in the rows of images that were not decoded.

    NaN is no score, and no gallery takes it: such a row is never taken for a person,
    as zeros or the vector of a black image could be.

    Args:
        values: float [n, ...].
        faulty: bool [n], or [1] for all rows.
    """
    rows = tf.reshape(faulty, [-1] + [1] * (len(values.shape) - 1))
    return tf.where(rows, tf.constant(float("nan"), values.dtype), values)


def _of_good(indices, function, dtype, shape) -> tuple[tf.Tensor, tf.Tensor]:
    """The indices for which a function raises nothing, and its values, in order."""
    # One row that is always there, so that a batch without a good file is no error
    # of its own.
    first = tf.data.Dataset.from_tensors(
        (tf.constant(-1, tf.int64), tf.zeros(shape, dtype))
    )
    rest = tf.data.Dataset.from_tensor_slices(indices).map(
        lambda index: (index, function(index)), num_parallel_calls=tf.data.AUTOTUNE
    )
    size = tf.size(indices, out_type=tf.int64) + 1
    rows = first.concatenate(rest.ignore_errors()).batch(size)
    there, values = rows.get_single_element()
    return there[1:], values[1:]


def _scattered(indices, values, count) -> tf.Tensor:
    """Rows at their places among `count`, zeros elsewhere."""
    shape = tf.concat([count[tf.newaxis], tf.shape(values, tf.int64)[1:]], axis=0)
    return tf.scatter_nd(indices[:, tf.newaxis], values, shape)


def pixels_claimed(content: tf.Tensor) -> tf.Tensor:
    """Pixels that an image file's header claims, before anything is decoded.

    Args:
        content: string scalar.

    Returns:
        int64 scalar; 0 where the file is of no kind that is known.
    """

    def whole_numbers(start, count, little):
        raw = tf.strings.substr(content, start, 4 * count)
        values = tf.io.decode_raw(raw, tf.int32, little_endian=little)
        return tf.cast(tf.ensure_shape(values[:count], (count,)), tf.int64)

    def starts_with(magic):
        length = len(magic)
        enough = tf.strings.length(content) >= 26  # So that each header is whole.
        return enough & (
            tf.strings.substr(
                content, 0, tf.minimum(length, tf.strings.length(content))
            )
            == magic
        )

    def product(values):
        return tf.reduce_prod(tf.abs(values))

    return tf.case(
        [
            (starts_with(_PNG), lambda: product(whole_numbers(16, 2, False))),
            (starts_with(_BMP), lambda: product(whole_numbers(18, 2, True))),
            (
                tf.io.is_jpeg(content),
                lambda: product(
                    tf.cast(tf.image.extract_jpeg_shape(content)[:2], tf.int64)
                ),
            ),
        ],
        default=lambda: tf.constant(0, tf.int64),
    )
