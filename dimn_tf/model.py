"""An exported model in a program: images of people in, vectors and likeness out."""

from __future__ import annotations

import copy
import dataclasses
import os
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from dimn_tf import errors, given_images, images, progress
from dimn_tf.evaluation import measures
from dimn_tf.export import served_model

_BATCH_BYTES = images.LARGEST_BYTES  # Of files held at a time, but for one more.


class Vectors(np.ndarray):
    """float32 [n, D]: a row for each image, NaN where there is no vector.

    Attributes:
        faults: Why there is none, by the image's place in the list; empty where all
            images have one. Pickled and deep copies have them too; None in other arrays
            that are made of this one.
    """

    faults: dict[int, str] | None = None

    def __reduce__(self):
        make, given, state = super().__reduce__()
        return make, given, (state, self.faults)

    def __setstate__(self, state):
        whole, self.faults = state
        super().__setstate__(whole)

    def __deepcopy__(self, memo):
        made = super().__deepcopy__(memo).view(type(self))
        made.faults = copy.deepcopy(self.faults, memo)
        return made


@dataclasses.dataclass(frozen=True)
class Comparison:
    """How alike two images of people are.

    Attributes:
        likeness: The score over its scale and the length of the probe's feature; with
            classifiers of unit length, DIMN's default, a cosine in -1..1.
        score: The model's: its scale times the inner product, which is a hit's score.
        threshold: The likeness that one in `false_accepts` pairs of two people reaches
            on the people held out of training; None where the export has no thresholds.
        passes: Whether the likeness reaches it; None without it.
        false_accepts: The threshold's; None without it.
    """

    likeness: float
    score: float
    threshold: float | None
    passes: bool | None
    false_accepts: int | None


class Model:
    """A trained model, loaded from an export.

    Example:

    >>> model = dimn_tf.load("exports/small")
    >>> features = model.embed(["a.jpg", "b.jpg"])
    >>> features.shape, features.faults
    ((2, 1280), {})
    >>> model.compare("a.jpg", "b.jpg").passes
    True

    Args:
        served: The export.

    Attributes:
        served: The export, for all else that it can do.
    """

    def __init__(self, served: served_model.ServedModel):
        self.served = served

    def __repr__(self) -> str:
        return f"dimn_tf.load({str(self.served.folder)!r}, {self.runtime!r})"

    @property
    def dimension(self) -> int:
        """D, of the vectors."""
        return self.served.dimension

    @property
    def sha256(self) -> str:
        """What a gallery knows the model by."""
        return self.served.sha256

    @property
    def runtime(self) -> str:
        """What computes the vectors: `saved_model` (TensorFlow) or `onnx`."""
        return self.served.runtime

    def embed(
        self,
        given: given_images.GivenImage | Iterable[given_images.GivenImage],
        batch_size: int = 32,
        show_progress: bool = True,
    ) -> Vectors:
        """Features g(x) of probes: what a gallery is searched for with.

        Args:
            given: An image or several: paths, bytes of image files (JPEG, PNG, BMP,
                GIF, WebP, TIFF), PIL images, RGB pixels as uint8 [h, w, 3]. Files and
                PIL images are turned as their EXIF orientation says. PIL's `rotate` and
                `transpose` keep that, so an image that you turn by them is turned once
                more; `PIL.ImageOps.exif_transpose` turns it and clears the orientation.
                All of them are held at once, also of a generator: give the frames of a
                video in parts.
            batch_size: Images at a time; fewer where their files are large.
            show_progress: Whether what takes more than two seconds tells its progress,
                rate and time left on stderr.

        Returns:
            float32 [n, D]. An image that cannot be used fails no other: its row is NaN,
            and `faults` says why.

        Raises:
            errors.UserError: something that is no kind of image.
        """
        return self._vectors(
            self.served.probe_features, given, batch_size, show_progress
        )

    def enroll(
        self,
        given: given_images.GivenImage | Iterable[given_images.GivenImage],
        batch_size: int = 32,
        show_progress: bool = True,
    ) -> Vectors:
        """Classifiers h(g(x~)) of gallery images: what a gallery's entries hold.

        See `embed`; for methods without a mapping, the two are the same.
        """
        return self._vectors(
            self.served.gallery_classifiers, given, batch_size, show_progress
        )

    def compare(
        self,
        probe: given_images.GivenImage,
        enrolled: given_images.GivenImage,
        false_accepts: int | None = None,
    ) -> Comparison:
        """How alike two images are, and whether the calibrated threshold is passed.

        A threshold holds for cameras like those of the training data
        (`experiments.calibrate`); it is a proposal for a human who looks.

        Args:
            probe: The image that is searched for.
            enrolled: The other one. (DIMN's score is not symmetric.)
            false_accepts: The threshold's, one of those the export holds. None: 1,000
                where it holds it, else no threshold.

        Raises:
            errors.UserError: an image that cannot be used, a threshold that the export
                lacks, or a model whose score is no inner product.
        """
        scale = self.served.inner_product_scale
        threshold, false_accepts = self.served.usual_threshold(false_accepts)
        feature = _one(self.embed(_alone(probe), show_progress=False), "probe", probe)
        classifier = _one(
            self.enroll(_alone(enrolled), show_progress=False), "enrolled", enrolled
        )
        score = scale * float(feature @ classifier)
        likeness = score / (scale * float(np.linalg.norm(feature)))
        passes = None if threshold is None else measures.reaches(likeness, threshold)
        return Comparison(likeness, score, threshold, passes, false_accepts)

    def _vectors(self, call, given, batch_size, show_progress) -> Vectors:
        if batch_size < 1:
            raise errors.UserError(f"batch_size={batch_size}: expected at least 1")
        listed = given_images.as_list(given)
        found = np.full((len(listed), self.dimension), np.nan, np.float32)
        faults: dict[int, str] = {}
        shown = progress.bar(
            listed, label="images to vectors", show=show_progress, on_stderr=True
        )
        for places, files in _batches(shown, faults, batch_size):
            _fill(found, faults, call, places, files)
        vectors = found.view(Vectors)
        vectors.faults = dict(sorted(faults.items()))
        return vectors


def load(export_dir: str | os.PathLike, runtime: str | None = None) -> Model:
    """Loads an export: what `python -m experiments.export` wrote.

    TensorFlow stays as the program has set it up. On a GPU it takes all memory at its
    first operation, unless the program has asked for growth before that
    (`tf.config.experimental.set_memory_growth`, or `TF_FORCE_GPU_ALLOW_GROWTH=true` in
    the environment). Vectors are computed in whole float32: while a call runs, TF32 is
    off in the whole process.

    Args:
        export_dir: The export's folder, or one version's.
        runtime: `saved_model` (TensorFlow) or `onnx` (ONNX Runtime, which takes about
            half of the time for one image on a CPU, and runs on the CPU here). None:
            `onnx` where the export holds `model.onnx`, the package is installed and
            TensorFlow sees no GPU, else `saved_model`; `Model.runtime` says which. The
            figures are the same to float32's rounding.

    Raises:
        errors.UserError: there is no export, or one that is not whole, or not for this
            runtime.
    """
    return Model(served_model.ServedModel(export_dir, runtime or ""))


def _alone(image):
    """The image, where one is asked for.

    Raises:
        errors.UserError: it is a list of them.
    """
    listed = given_images.as_list(image)
    if len(listed) != 1:
        raise errors.UserError(f"{len(listed)} images where one is compared with one")
    return listed


def _one(vectors: Vectors, name: str, image) -> np.ndarray:
    if vectors.faults:
        raise errors.UserError(
            f"{name}: {given_images.name_of(image, 0)} cannot be compared: "
            f"{vectors.faults[0]}"
        )
    return np.asarray(vectors[0])


def _batches(
    listed: Iterable[given_images.GivenImage], faults: dict[int, str], batch_size: int
) -> Iterator[tuple[list[int], list[bytes]]]:
    """Image files by batches with their places; `faults` takes what is none."""
    places: list[int] = []
    files: list[bytes] = []
    for place, image in enumerate(listed):
        try:
            files.append(given_images.encoded(image))
        except images.ImageFault as fault:
            faults[place] = fault.reason
            continue
        places.append(place)
        if len(files) == batch_size or sum(map(len, files)) >= _BATCH_BYTES:
            yield places, files
            places, files = [], []
    if files:
        yield places, files


def _fill(
    found: np.ndarray,
    faults: dict[int, str],
    call: Callable[[Sequence[bytes]], served_model.Answer],
    places: list[int],
    files: list[bytes],
) -> None:
    """Puts a batch's vectors at their places."""
    answer = call(files)
    rows = zip(places, answer.vectors, answer.unusable(), strict=True)
    for place, vector, fault in rows:
        if fault:
            faults[place] = fault
        else:
            found[place] = vector
