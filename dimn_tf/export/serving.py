"""What a server runs: preprocessing, encoder and mapping behind signatures."""

import tensorflow as tf

from dimn_tf import methods
from dimn_tf.export import decoding, folding, layout


class ServingModule(tf.Module):
    """A trained method for inference, all preprocessing inside.

    | signature | takes | gives |
    | --- | --- | --- |
    | `embed_probe` | `image_bytes` string [n] | `probe_features` float32 [n, E] |
    | `embed_probe_pixels` | `pixels` uint8 [n, h, w, 3] | `probe_features` |
    | `enroll_gallery` | `image_bytes` string [n] | `gallery_classifiers` [n, E] |
    | `enroll_gallery_pixels` | `pixels` uint8 [n, h, w, 3] | `gallery_classifiers` |
    | `score` | `probe_features`, `gallery_classifiers` | `scores` [P, G] |
    | `explain` | `probe_bytes`, `gallery_bytes` string [n] | `scores` [n] of the pairs,
      `probe_map` and `gallery_map` [n, rows, columns]: see `Method.score_maps` |
    | `explain_vectors` | `probe_bytes` string [1], `gallery_classifiers` [n, E] |
      `scores` [n], `probe_map` [n, rows, columns]: see `Method.probe_score_maps` |

    E is the dimension of the method's representation. `image_bytes` are whole JPEG, PNG
    or BMP files of any size; `pixels` are RGB in 0..255, of any size, one size a batch.
    For DIMN, `gallery_classifiers` are h(g(x~)), and a score is their dot product with
    g(x): what is searched by maximum inner product.

    A request's faults are data: one image that is none does not fail the others.
    Signatures that take files also give `decoded` bool [n] and `fault` string [n] (see
    `layout`); the vectors, scores and maps of what was not decoded are NaN. A pair that
    `explain` is asked for is decoded where both images are; of `explain_vectors`,
    `decoded` and `fault` [1] are the probe's. Its maps and scores are linear in the
    vectors, so that of a difference of vectors they are the differences.

    Args:
        method: A trained method; a copy of its encoder is folded for inference.
        height: Rows of the encoder's input, pixels.
        width: Columns of it.
        network_name: Of the encoder's kind, for files that are named after it.
        method_name: Of the method, likewise.
    """

    def __init__(
        self,
        method: methods.Method,
        height: int,
        width: int,
        network_name: str = "network",
        method_name: str = "method",
    ):
        super().__init__(name="dimn_tf")
        self.height, self.width = height, width
        self.network_name, self.method_name = network_name, method_name
        # Not tracked, so that W and f_theta, C rows each, stay out of the SavedModel.
        self.__dict__["_method"] = method
        self.matching_layers = list(method.matching_layers)
        self.encoder = method.encoder.with_network(
            folding.for_inference(method.encoder.backbone),
            name="folded_encoder",
            neck=method.encoder.neck,
        )
        # TensorFlow's own variables, by themselves: the loaders of servers and of
        # `saved_model_cli` restore these and not those inside Keras 3's ("Could not
        # find variable"), though `tf.saved_model.load` does.
        layers = [self.encoder, *self.matching_layers]
        self.served_variables = [v.value for layer in layers for v in layer.variables]

    def probe_features(self, images):
        """float32 [n, height, width, 3] in 0..255 -> [n, E]."""
        features = self._folded(self._method.matched_features, images)
        return self._method.probe_representation(features)

    def gallery_classifiers(self, images):
        """float32 [n, height, width, 3] in 0..255 -> [n, E]."""
        features = self._folded(self._method.matched_features, images)
        return self._method.gallery_representation(features)

    def unit_features(self, images):
        """float32 [n, height, width, 3] in 0..255 -> [n, D], D of `Method.embed`.

        Unmapped, of unit length: their products are the diagnosis' cosines.
        """
        features = self._folded(self._method.matched_features, images)
        return tf.math.l2_normalize(features, axis=-1)

    def _maps(self, images):
        """`Method.matched_maps`: float32 [n, height, width, 3] -> [n, h, w, D]."""
        return self._folded(self._method.matched_maps, images)

    def _folded(self, function, images):
        """A function of the method, with the folded encoder in place of its own."""
        held = self._method.__dict__  # Past Keras, which would track the other too.
        own = held["encoder"]
        held["encoder"] = self.encoder
        try:
            return function(images)
        finally:
            held["encoder"] = own

    def _resized(self, pixels):
        """uint8 [n, h, w, 3] -> float32 [n, height, width, 3]."""
        return resize(pixels, self.height, self.width)

    def signatures(self) -> dict[str, tf.types.experimental.ConcreteFunction]:
        """The concrete functions by their names."""
        files = tf.TensorSpec([None], tf.string, "image_bytes")
        pixels = tf.TensorSpec([None, None, None, 3], tf.uint8, "pixels")
        dimension = self._method.representation_dimension
        probes = tf.TensorSpec([None, dimension], tf.float32, "probe_features")
        gallery = tf.TensorSpec([None, dimension], tf.float32, "gallery_classifiers")
        size = self.height, self.width

        def embed_probe(image_bytes):
            images, fault = decoding.decode_batch(image_bytes, *size)
            vectors = _of_any(self.probe_features, images)
            return _with_faults({"probe_features": vectors}, fault)

        def embed_probe_pixels(pixels):
            images = self._resized(pixels)
            return {"probe_features": _of_any(self.probe_features, images)}

        def enroll_gallery(image_bytes):
            images, fault = decoding.decode_batch(image_bytes, *size)
            vectors = _of_any(self.gallery_classifiers, images)
            return _with_faults({"gallery_classifiers": vectors}, fault)

        def enroll_gallery_pixels(pixels):
            images = self._resized(pixels)
            return {"gallery_classifiers": _of_any(self.gallery_classifiers, images)}

        def score(probe_features, gallery_classifiers):
            return {"scores": self._method.score(probe_features, gallery_classifiers)}

        def explain(probe_bytes, gallery_bytes):
            probes, probe_fault = decoding.decode_batch(probe_bytes, *size)
            gallery, gallery_fault = decoding.decode_batch(gallery_bytes, *size)
            probe_map, gallery_map = self._method.score_maps(
                _of_any(self._maps, probes),
                _of_any(self._maps, gallery),
            )
            found = {
                "probe_map": probe_map,
                "gallery_map": gallery_map,
                "scores": tf.reduce_sum(probe_map, axis=(1, 2)),
            }
            fault = tf.where(gallery_fault == "", probe_fault, gallery_fault)
            return _with_faults(found, fault)

        def explain_vectors(probe_bytes, gallery_classifiers):
            probe, fault = decoding.decode_batch(probe_bytes, *size)
            probe_map = self._method.probe_score_maps(
                self._maps(probe), gallery_classifiers
            )
            scores = tf.reduce_sum(probe_map, axis=(1, 2))
            return _with_faults({"probe_map": probe_map, "scores": scores}, fault)

        specs = {
            embed_probe: (files,),
            embed_probe_pixels: (pixels,),
            enroll_gallery: (files,),
            enroll_gallery_pixels: (pixels,),
            score: (probes, gallery),
        }
        if self._method.has_score_maps and self.encoder.pools_by_mean:
            specs[explain] = tuple(
                tf.TensorSpec([None], tf.string, name)
                for name in ("probe_bytes", "gallery_bytes")
            )
            probe = tf.TensorSpec([1], tf.string, "probe_bytes")
            specs[explain_vectors] = probe, gallery
        return {
            function.__name__: tf.function(function).get_concrete_function(*spec)
            for function, spec in specs.items()
        }


def _of_any(function, images: tf.Tensor) -> tf.Tensor:
    """A function of float32 [n, h, w, 3] that cannot take n = 0, of any n.

    TensorFlow's oneDNN convolution, which some processors have by default, gives an
    empty batch its input's channels: the next layer fails.
    """
    count = tf.shape(images)[0]
    blank = tf.zeros([tf.maximum(1 - count, 0), *images.shape[1:]], images.dtype)
    return function(tf.concat([images, blank], axis=0))[:count]


def _with_faults(
    values: dict[str, tf.Tensor], fault: tf.Tensor
) -> dict[str, tf.Tensor]:
    """A signature's values, NaN where an image is at fault, and which are."""
    decoded = fault == ""
    values = {
        name: decoding.nan_where(value, ~decoded) for name, value in values.items()
    }
    return {**values, layout.DECODED: decoded, layout.FAULT: fault}


def resize(pixels: tf.Tensor, height: int, width: int) -> tf.Tensor:
    """As `dimn_tf.data.resizing.decode_and_resize` resizes, a batch at a time.

    Args:
        pixels: [n, h, w, 3], any numeric type, 0..255.
        height: rows of the result, in pixels.
        width: columns of the result, in pixels.

    Returns:
        float32 [n, height, width, 3], 0..255.
    """
    shape = tf.shape(pixels)
    images = tf.cond(
        (shape[1] > height) | (shape[2] > width),
        lambda: tf.image.resize(pixels, (height, width), antialias=True),
        lambda: tf.image.resize(pixels, (height, width)),
    )
    return tf.ensure_shape(images, (None, height, width, 3))
