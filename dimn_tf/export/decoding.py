"""Image files of a request -> the encoder's input; bad files are named by index."""

import tensorflow as tf

from dimn_tf.data import resizing
from dimn_tf.images import LARGEST_PIXELS

_PNG, _BMP, _GIF = b"\x89PNG\r\n\x1a\n", b"BM", b"GIF8"


def decode_batch(encoded: tf.Tensor, height: int, width: int) -> tf.Tensor:
    """Decodes and resizes each image file of a batch, several at once.

    A file that cannot be decoded fails the request with a message that names its
    index. TensorFlow's decoders raise without one and a graph cannot catch, so that
    tf.data passes over the bad files and the indices that are left are looked at.

    Args:
        encoded: string [n], the bytes of JPEG, PNG, BMP or GIF files.
        height: rows of the result, in pixels.
        width: columns of the result, in pixels.

    Returns:
        float32 [n, height, width, 3], RGB in 0..255, as
        `dimn_tf.data.resizing.decode_and_resize` makes them.

    Raises:
        tf.errors.InvalidArgumentError: files that are no whole image, or larger than
            `LARGEST_PIXELS`; their indices are named.
    """
    count = tf.size(encoded, out_type=tf.int64)

    def decode(index):
        content = encoded[index]
        too_large = pixels_claimed(content) > LARGEST_PIXELS
        with tf.control_dependencies([tf.debugging.Assert(~too_large, [index])]):
            return index, resizing.decode_and_resize(content, height, width)

    # One row that is always there, so that a batch without a good file is no error
    # of its own.
    first = tf.data.Dataset.from_tensors(
        (tf.constant(-1, tf.int64), tf.zeros((height, width, 3)))
    )
    rest = tf.data.Dataset.range(count).map(decode, num_parallel_calls=tf.data.AUTOTUNE)
    rows = first.concatenate(rest.ignore_errors()).batch(count + 1)
    indices, images = rows.get_single_element()
    bad = tf.sets.difference(
        tf.range(count)[tf.newaxis], indices[tf.newaxis, 1:], validate_indices=False
    ).values
    check = tf.debugging.Assert(
        tf.size(bad) == 0,
        [
            "images that are no whole JPEG, PNG, BMP or GIF file of at most "
            f"{LARGEST_PIXELS:,} pixels, by their index in the batch:",
            bad,
        ],
        summarize=20,
    )
    with tf.control_dependencies([check]):
        return tf.ensure_shape(images[1:], (None, height, width, 3))


def pixels_claimed(content: tf.Tensor) -> tf.Tensor:
    """Pixels that an image file's header claims, before anything is decoded.

    Args:
        content: string scalar.

    Returns:
        int64 scalar; 0 where the file is of no kind that is known.
    """

    def whole_numbers(start, length, count, little):
        raw = tf.strings.substr(content, start, length * count)
        kind = tf.int32 if length == 4 else tf.uint16
        values = tf.io.decode_raw(raw, kind, little_endian=little)
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
            (starts_with(_PNG), lambda: product(whole_numbers(16, 4, 2, False))),
            (starts_with(_BMP), lambda: product(whole_numbers(18, 4, 2, True))),
            (starts_with(_GIF), lambda: product(whole_numbers(6, 2, 2, True))),
            (
                tf.io.is_jpeg(content),
                lambda: product(
                    tf.cast(tf.image.extract_jpeg_shape(content)[:2], tf.int64)
                ),
            ),
        ],
        default=lambda: tf.constant(0, tf.int64),
    )
