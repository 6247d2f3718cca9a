"""MLDG: a step that also helps on a source domain that it was not taken on."""

import dataclasses
from typing import ClassVar

import tensorflow as tf

from dimn_tf import config, errors, losses
from dimn_tf.methods import base, drawn_order, euclidean, fast_weights, replica_context

SOFTMAXES = ("all", "domain")


@dataclasses.dataclass(frozen=True)
class MLDGOptions(base.ClassifierOptions):
    """MLDG's constants."""

    mldg_inner_rate: float = config.option(
        1e-3,
        "alpha, of the inner step on mean losses; ours: 1e-3 (MLDG on AlexNet's "
        "features 0.5, others on deep nets the outer rate).",
        least=0,
    )
    mldg_test_weight: float = config.option(
        1.0, "beta, of the meta-test loss; MLDG: 1.", least=0
    )
    mldg_test_domains: int = config.option(
        1, "V, source domains of a step's meta-test; MLDG: 1.", least=1
    )
    mldg_whole_batches: bool = config.option(
        False,
        "Whether each source has --identities_per_batch identities in a step (MLDG's "
        "code has 64 images of each), or its share of them (ours: a step then costs as "
        "other methods' do). Batch norm sees one source at a time, and few images slow "
        "the learning.",
    )
    mldg_second_order: bool = config.option(
        True,
        "Whether the gradient goes through the inner step (MLDG: yes); without, its "
        "gradient counts as a constant.",
    )
    mldg_softmax: str = config.option(
        "all",
        "Identities that an image is told apart from: all sources' (all; ours, the "
        "simplest) or its own source's (domain), whose columns then are no negatives.",
        choices=SOFTMAXES,
    )


class MLDG(euclidean.EuclideanMethod):
    """Meta-learning for domain generalization, by one inner step.

    Each step V source domains, drawn anew, are the meta-test, the others the meta-train
    domains. With F the mean over the meta-train domains of their mean cross entropies
    and G the meta-test's likewise, one optimiser step is taken on

        F(theta) + beta G(theta - alpha grad F(theta)).

    The encoder and f_theta both take the inner step, a plain one. The moving averages
    of batch norm are moved by the pass at theta alone, whose weights are kept.

    Identities of two domains are never the same ones: of a C-way softmax, F pushes the
    meta-test identities' columns away (see --mldg_softmax). DIMN's paper compares with
    MLDG and says nothing of heads, batches or rates.

    Reference: Li et al., "Learning to Generalize: Meta-Learning for Domain
        Generalization", AAAI 2018, Algorithm 1; code HAHA-DL/MLDG (1913486).
    """

    Options = MLDGOptions
    defaults: ClassVar[dict[str, str]] = {"domain_sampling": "quota"}
    # Half precision's second derivatives, and an inner gradient under a loss scale,
    # are not to be had.
    precisions: ClassVar[tuple[str, ...]] = ("float32",)

    @classmethod
    def batch_request(cls, data, options):
        """Identities of every source; see `Method.batch_request`."""
        domains = len(data.sources)
        if domains <= options.mldg_test_domains:
            raise errors.UserError(
                f"--mldg_test_domains={options.mldg_test_domains}: none of {domains} "
                "source(s) is left to train on; expected more --sources, or fewer of "
                "these."
            )
        if data.domain_sampling != "quota":
            raise errors.UserError(
                f"--domain_sampling={data.domain_sampling}: --method=mldg needs images "
                "of every source in each step: leave the flag out (quota)."
            )
        if options.mldg_softmax == "domain" and options.label_smoothing:
            raise errors.UserError(
                f"--label_smoothing={options.label_smoothing}: with "
                "--mldg_softmax=domain most identities have no probability to smooth "
                "to: leave one of them out."
            )
        request = super().batch_request(data, options)
        if options.mldg_whole_batches:
            identities = domains * request.identities
            request = dataclasses.replace(
                request, identities=identities, sources_in_whole=domains
            )
        return request

    @classmethod
    def refuse_replicas(cls, request, data, replicas):
        """Each needs identities of every source; see `Method.refuse_replicas`."""
        super().refuse_replicas(request, data, replicas)
        share, domains = request.identities // replicas, len(data.sources)
        if share < domains:
            raise errors.UserError(
                f"--replicas={replicas}: of {request.told} each has {share} and so not "
                f"every one of the {domains} sources; expected at least as many."
            )

    @classmethod
    def encoder_passes(cls, options, domains):
        """Back through the inner step costs two more of its images; see `Method`."""
        if not options.mldg_second_order:
            return 1.0
        return 1.0 + 2.0 * (domains - options.mldg_test_domains) / domains

    def build_training(self, labels, request):
        """Makes f_theta; see `Method.build_training`."""
        super().build_training(labels, request)
        self.classifier = self.add_classifier(
            "classifier", labels.num_identities, self.seed, self.options.classifier_bias
        )
        self._fast = fast_weights.FastWeights([self.encoder, self.classifier])
        self._domain_of_label = tf.constant(labels.domain_of_label)

    def train_step(self, batch):
        """One optimiser step; see `Method.train_step`."""
        options = self.options
        images, labels = base.image_by_image(batch)
        domains = tf.tile(batch["domains"], [tf.shape(batch["images"])[1]])
        chosen = self._is_test(domains, self.optimizer.iterations)
        weights = self._share_of_means(domains, chosen)
        trained, tested = (
            [tf.boolean_mask(v, mask) for v in (images, labels, domains, weights)]
            for mask in (~chosen, chosen)
        )
        with tf.GradientTape() as tape:
            with tf.GradientTape() as inner:
                features = self.encoder(trained[0], training=True)
                logits = self.classifier(features)
                at_theta = self._loss(logits, *trained[1:])
            gradients = inner.gradient(at_theta, self._fast.variables)
            gradients = replica_context.summed(gradients)
            if not options.mldg_second_order:
                gradients = [tf.stop_gradient(g) for g in gradients]
            moved = [
                w - options.mldg_inner_rate * g
                for w, g in zip(self._fast.own(), gradients, strict=True)
            ]
            statistics = self._fast.own_statistics()
            features, _ = self._fast.call(
                self.encoder, tested[0], moved, statistics, training=True
            )
            test_logits, _ = self._fast.call(
                self.classifier, features, moved, statistics
            )
            after = self._loss(test_logits, *tested[1:])
            loss = at_theta + options.mldg_test_weight * after
        self.minimise(tape, loss)
        correct = base.correct(logits, trained[1]) + base.correct(
            test_logits, tested[1]
        )
        count = tf.shape(labels)[0]
        # Means already: of the batch's images they would be divided by once more.
        replicas, _ = replica_context.replica_of()
        rows = tf.cast(count * replicas, tf.float32)
        return replica_context.batch_means(
            {
                "loss": loss * rows,
                "meta_train": at_theta * rows,
                "meta_test": after * rows,
                "identification_accuracy": correct,
            },
            count,
        )

    def statistics_step(self, batch, number):
        """Of meta-train's images alone, as in a step; see `Method.statistics_step`."""
        images, _ = base.image_by_image(batch)
        domains = tf.tile(batch["domains"], [tf.shape(batch["images"])[1]])
        step = tf.cast(self.optimizer.iterations, tf.int32) + tf.cast(number, tf.int32)
        self.encoder(
            tf.boolean_mask(images, ~self._is_test(domains, step)), training=True
        )

    def _is_test(self, domains, step):
        """Whether each row is of a domain of a step's meta-test: [n] bool."""
        count = self.label_specification.num_domains
        seed = tf.stack([self.seed, tf.cast(step, tf.int32)])
        order = drawn_order.of_seed(count, seed)
        chosen = order[: self.options.mldg_test_domains]
        return tf.reduce_any(domains[:, tf.newaxis] == chosen[tf.newaxis], axis=1)

    def _share_of_means(self, domains, chosen):
        """What each row's cross entropy counts in F or G: [n] float32.

        One over its domain's images, of all replicas, and over the domains of F or G.
        """
        one_hot = tf.one_hot(domains, self.label_specification.num_domains)
        (counts,) = replica_context.summed([tf.reduce_sum(one_hot, axis=0)])
        tested = float(self.options.mldg_test_domains)
        trained = self.label_specification.num_domains - tested
        return 1.0 / (tf.gather(counts, domains) * tf.where(chosen, tested, trained))

    def _loss(self, logits, labels, domains, weights):
        if self.options.mldg_softmax == "domain":
            own = domains[:, tf.newaxis] == self._domain_of_label[tf.newaxis]
            logits = tf.where(own, logits, logits.dtype.min)
        losses_of_rows = losses.cross_entropy(
            logits, labels, self.options.label_smoothing
        )
        return tf.reduce_sum(weights * losses_of_rows)
