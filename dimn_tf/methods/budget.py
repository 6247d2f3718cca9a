"""What a budget of images buys a method, and what its images cost."""

from dimn_tf.data import batch_request


class Budget:
    """A method's account of the images that its steps see; one batch a step here."""

    @classmethod
    def steps_of_budget(
        cls,
        images: int,
        request: batch_request.BatchRequest,
        options,
        training_images: int | None = None,
    ) -> int:
        """Steps of a whole run that sees so many images.

        Args:
            images: Each counted as often as it is seen in training.
            request: What a step sees.
            options: An instance of the class's `Options`.
            training_images: All there are; None: not known.

        Raises:
            errors.UserError: it cannot be told without `training_images`.
        """
        del options, training_images
        return -(-images // request.images)

    @classmethod
    def images_seen(
        cls,
        step: int,
        train_steps: int,
        request: batch_request.BatchRequest,
        options,
        training_images: int | None = None,
    ) -> int:
        """Images that steps of training have seen, each as often as it was.

        Args:
            step: Steps done.
            train_steps: Of the whole run.
            request: What a step sees.
            options: An instance of the class's `Options`.
            training_images: All there are; None: not known, and what a method sees
                between its stages is not counted.
        """
        del train_steps, options, training_images
        return step * request.images

    @classmethod
    def encoder_passes(cls, options, domains: int) -> float:
        """Passes of the encoder, forward and back, for each image that is seen.

        What a method's images cost, beside another's with the same encoder.

        Args:
            options: An instance of the class's `Options`.
            domains: Source domains.
        """
        del options, domains
        return 1.0
