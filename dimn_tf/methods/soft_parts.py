"""Refined part pooling: which part a place of the feature map belongs to is learnt."""

import dataclasses

import keras
import tensorflow as tf

from dimn_tf import config, errors

_GROUP = 8  # Channels of f that make one of u, as in the official code.
_TOLERANCE = 1e-9  # Of sums of shares.


@dataclasses.dataclass(frozen=True)
class SoftPartsOptions:
    """Whether parts are refined, and when."""

    pcb_refined: bool = config.option(
        False,
        "Refined part pooling (RPP): after a while, which part a place belongs to is "
        "learnt, in place of the horizontal parts; ours: no, since the "
        "paper's row is named PCB.",
    )
    pcb_refined_alone_share: float = config.option(
        0.067,
        "With --pcb_refined, the share of the run's steps, after those with horizontal "
        "parts, in which RPP's own weights alone are trained; a reproduction's 5 of 75 "
        "epochs (Xiaoccer/ReID-PCB_RPP). 0 is the official code's way, which skips it.",
        least=0,
        most=1,
    )
    pcb_refined_share: float = config.option(
        0.133,
        "With --pcb_refined, the share of the run's steps, the last ones, in which all "
        "is trained by the refined parts; the same reproduction's 10 of 75 epochs.",
        least=0,
        most=1,
    )


class SoftParts(keras.layers.Layer):
    """r_i: the mean of all places, each weighted by how much it is of part i.

    For the feature f [D] of a place,

        P(i | f) = softmax_i(w_i . u + c_i),   r_i = mean over places of p P(i | f) f,

    where u [D / 8] is f, in training after dropout, averaged in groups of 8 channels,
    minus u's mean over the image's places. The softmax has no temperature.

    Call: [n, h, w, D], and in training float32 [n, h, w, D], the dropout's 0 or
    1 / (1 - rate) -> float32 [n, p, D].

    Args:
        parts: p.
        dimension: D.
        seed: Of w's start: normal, He's deviation by the fan out, sqrt(2 / p), as in
            the official code; c starts at zero.

    Attributes:
        begun: A variable, 0 until refinement begins, then 1: see `once_begun`.

    Raises:
        errors.UserError: 8 does not divide D.
    """

    def __init__(self, parts, dimension, seed):
        super().__init__(name="soft_parts", dtype="float32")
        if dimension % _GROUP:
            raise errors.UserError(
                f"--pcb_refined: the encoder's feature map has {dimension} channels, "
                f"expected a multiple of {_GROUP}: they are averaged {_GROUP} at a "
                "time. Give another --encoder or --encoder_width."
            )
        self._parts = parts
        self.kernel = self.add_weight(
            shape=(dimension // _GROUP, parts),
            initializer=keras.initializers.RandomNormal(
                stddev=(2.0 / parts) ** 0.5, seed=seed
            ),
            name="kernel",
        )
        self.bias = self.add_weight(shape=(parts,), initializer="zeros", name="bias")
        self.begun = self.add_weight(
            shape=(), initializer="zeros", trainable=False, name="begun"
        )
        self.built = True

    def probabilities(self, maps, kept=None):
        """P(i | f) of each place: as the call's arguments -> float32 [n, h, w, p]."""
        features = tf.cast(maps, tf.float32)
        if kept is not None:
            features *= kept
        shape = tf.shape(features)
        groups = (*tf.unstack(shape[:3]), self.kernel.shape[0], _GROUP)
        reduced = tf.reduce_mean(tf.reshape(features, groups), axis=-1)
        reduced -= tf.reduce_mean(reduced, axis=(1, 2), keepdims=True)
        return tf.nn.softmax(tf.tensordot(reduced, self.kernel, 1) + self.bias)

    def call(self, maps, kept=None):
        """r_1 .. r_p; see the class."""
        weights = self.probabilities(maps, kept)
        shape = tf.shape(maps)
        places = shape[1] * shape[2]
        weights = tf.reshape(weights, (shape[0], places, self._parts))
        dimension = self.kernel.shape[0] * _GROUP
        features = tf.reshape(tf.cast(maps, tf.float32), (shape[0], places, dimension))
        scale = self._parts / tf.cast(places, tf.float32)
        return scale * tf.matmul(weights, features, transpose_a=True)

    def once_begun(self, maps, stripes):
        """What matching takes: the g_i [n, p, D] until refinement begins, then r_i."""
        return tf.where(tf.greater(self.begun, 0.0), self(maps), stripes)


def phase_steps(
    train_steps: int, alone_share: float, share: float
) -> tuple[int, int, int]:
    """Steps with stripes, of w alone, and of everything with w; they add up.

    Args:
        train_steps: Of the whole run.
        alone_share: Of w alone.
        share: Of everything with w.

    Raises:
        errors.UserError: shares that leave w untrained or come to more than 1, or a run
            too short for one step of each phase whose share is not 0.
    """
    flags = f"--pcb_refined_alone_share={alone_share} and --pcb_refined_share={share}"
    stripes_share = 1.0 - alone_share - share
    if stripes_share < -_TOLERANCE:
        raise errors.UserError(
            f"{flags}: they come to {alone_share + share:g} of the run, expected at "
            "most 1. Lower one of them."
        )
    if not alone_share + share:
        raise errors.UserError(
            f"{flags}: nothing would be refined, expected one above 0. Raise one of "
            "them, or leave --pcb_refined out."
        )
    ends = round(train_steps * stripes_share), round(train_steps * (1.0 - share))
    steps = ends[0], ends[1] - ends[0], train_steps - ends[1]
    shares = stripes_share, alone_share, share
    if any(s > _TOLERANCE and not n for s, n in zip(shares, steps, strict=True)):
        raise errors.UserError(
            f"--train_steps={train_steps}: with {flags} the stripes, the soft parts "
            f"alone and all parts have {steps[0]}, {steps[1]} and {steps[2]} steps, "
            "expected at least one each. Train longer, or give a share of 0 to leave a "
            "phase out."
        )
    return steps
