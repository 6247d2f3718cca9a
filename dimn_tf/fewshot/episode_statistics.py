"""Features and scores of an episode by the batch statistics that are asked for."""

import tensorflow as tf

from dimn_tf.methods import fast_weights


def features_with(encoder, statistics: str):
    """A function of images, with an encoder's weights, that moves no moving average.

    Args:
        encoder: Of features.
        statistics: "moving": batch norm's averages; else those of the images given.
    """
    if statistics == "moving":
        return lambda images: encoder(images, training=False)
    held = fast_weights.FastWeights([encoder])
    weights, averages = held.own(), held.own_statistics()
    return lambda images: held.call(encoder, images, weights, averages, training=True)[
        0
    ]


def of_statistics(features, scores_of_features, support, queries, statistics):
    """Scores whose features are normalised by images of the episode.

    No moving average is moved.

    Args:
        features: Images -> features; see `features_with`.
        scores_of_features: See `FeatureMethod`.
        support: float32 [N, K, H, W, 3].
        queries: float32 [M, H, W, 3].
        statistics: "moving"; "episode": of the support among itself, and of all
            queries; "query": of the support and one query at a time.
    """
    ways, shots = support.shape[:2]
    flat = tf.reshape(support, (ways * shots, *support.shape[2:]))
    if statistics == "query":

        def one(both):
            by_class = tf.reshape(both[:-1], (ways, shots, -1))
            return scores_of_features(by_class, both[-1:])[0]

        return with_each(flat, queries, lambda images: one(features(images)))
    by_class = tf.reshape(features(flat), (ways, shots, -1))
    return scores_of_features(by_class, features(queries))


def with_each(support, queries, function):
    """A function of the support images together with one query after the other.

    Args:
        support: float32 [n, H, W, 3].
        queries: float32 [M, H, W, 3].
        function: [n + 1, H, W, 3], the query the last one -> float32 [N].

    Returns:
        float32 [M, N].
    """

    def one(query):
        return function(tf.concat([support, query[tf.newaxis]], axis=0))

    return tf.map_fn(one, queries, fn_output_signature=tf.float32)
