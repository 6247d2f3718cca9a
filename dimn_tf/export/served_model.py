"""An export, loaded to enrol and to search: image files in, vectors out.

Imports TensorFlow and NumPy, and nothing of training, evaluation or data sets.
"""

from __future__ import annotations

import dataclasses
import functools
import os
import pathlib
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from dimn_tf import errors, full_precision, plain_paths, tensorflow_errors
from dimn_tf.evaluation import measures
from dimn_tf.export import layout, onnx_vectors, version_folder

NOTHING_FOUND = "the model finds nothing in it"
"""Why an image that was decoded has no vector that can be compared."""
FALSE_ACCEPTS = 1000
"""Of the threshold that is taken where none is asked for; ours."""
# TensorFlow documents no list of what its loader raises on files that are not whole.
_NOT_LOADED = (OSError, ValueError, IndexError, AttributeError, tf.errors.OpError)


@dataclasses.dataclass(frozen=True, eq=False)
class Answer:
    """What a model says to a batch of image files.

    Attributes:
        vectors: float32 [n, E]; NaN in the rows of images that were not decoded.
        faults: For each image why it was not decoded, in one line; empty where it was.
    """

    vectors: np.ndarray
    faults: tuple[str, ...]

    def unusable(self) -> list[str]:
        """For each image why its vector can be compared with none; empty where it can.

        Beside the faults: a vector that is zero or not finite.
        """
        good = np.isfinite(self.vectors).all(axis=1) & self.vectors.any(axis=1)
        return [
            fault or ("" if usable else NOTHING_FOUND)
            for fault, usable in zip(self.faults, good, strict=True)
        ]


@dataclasses.dataclass(frozen=True, eq=False)
class Explanation:
    """Where the scores of a probe against gallery images come from.

    Attributes:
        probe_maps: float32 [n, rows, columns], of the probe for each gallery image.
        gallery_maps: Those of the gallery images, likewise.
        scores: float32 [n]; each map adds up to its score.
        faults: Of the pairs, as `Answer.faults`; maps and score are NaN there.
    """

    probe_maps: np.ndarray
    gallery_maps: np.ndarray
    scores: np.ndarray
    faults: tuple[str, ...]


@dataclasses.dataclass(frozen=True, eq=False)
class ProbeExplanation:
    """Where the scores of a probe against vectors come from.

    Attributes:
        probe_maps: float32 [n, rows, columns], of the probe for each vector.
        scores: float32 [n]; each map adds up to its score.
        fault: Of the probe, as `Answer.faults`; maps and scores are NaN there.
    """

    probe_maps: np.ndarray
    scores: np.ndarray
    fault: str


class ServedModel:
    """The newest version of an export.

    Of TensorFlow's settings for the process it changes none for good: while it
    computes, TF32 is off (`full_precision`); how GPU memory is taken is the program's
    to say.

    Args:
        export_dir: What `experiments.export` wrote to, or one version's folder.
        runtime: What computes vectors, see `onnx_vectors.chosen`. Explanations and
            scores are TensorFlow's in any case, which is loaded where they are asked
            for.

    Attributes:
        folder: Of the version.
        metadata: Of metadata.json.
        runtime: One of `onnx_vectors.RUNTIMES`.

    Raises:
        errors.UserError: there is no export, or one that is not whole, or not for this
            runtime.
    """

    def __init__(self, export_dir: str | os.PathLike, runtime: str = "saved_model"):
        self.folder = version_folder.find(pathlib.Path(export_dir))
        self.metadata = version_folder.read_metadata(self.folder / layout.METADATA_FILE)
        self.runtime = onnx_vectors.chosen(self.folder, runtime)
        self._onnx = None
        if self.runtime == "onnx":
            size = self.metadata["input_height"], self.metadata["input_width"]
            self._onnx = onnx_vectors.OnnxVectors(self.folder, *size)
        else:
            _ = self._loaded

    @functools.cached_property
    def _loaded(self):
        """The SavedModel."""
        try:
            with plain_paths.plain(self.folder) as folder:
                loaded = tf.saved_model.load(str(folder))
            signatures = set(loaded.signatures)
        except errors.UserError:
            raise
        except _NOT_LOADED as error:
            raise errors.UserError(
                f"--model={self.folder}: its SavedModel cannot be loaded "
                f"({tensorflow_errors.reason(error)}). It is not whole: copy it again, "
                "or export the run again"
            ) from error
        if missing := [name for name in layout.SIGNATURES if name not in signatures]:
            raise errors.UserError(
                f"--model={self.folder}: it lacks the signatures "
                f"{', '.join(missing)}: it is no export of experiments.export"
            )
        return loaded

    @property
    def sha256(self) -> str:
        """What a gallery knows the model by: the checkpoint's hash."""
        return self.metadata["checkpoint_sha256"]

    @property
    def inner_product_scale(self) -> float:
        """What times a gallery's inner product is the model's score.

        Raises:
            errors.UserError: this model's score is no inner product.
        """
        scale = self.metadata["inner_product_scale"]
        if scale is None:
            name = self.metadata.get("method")
            raise errors.UserError(
                f"{self.folder}: the score of {name} is no inner product, by which a "
                "gallery searches. Export a method whose score is one, such as dimn, "
                "or use the signature `score`"
            )
        return scale

    @property
    def dimension(self) -> int:
        """E, of the vectors."""
        return self.metadata["dimension"]

    def has_threshold(self, one_in: int) -> bool:
        """Whether `threshold` has an answer."""
        try:
            self.threshold(one_in)
        except errors.UserError:
            return False
        return True

    def usual_threshold(
        self, one_in: int | None = None
    ) -> tuple[float, int] | tuple[None, None]:
        """The threshold that is asked for, or the usual one if the export holds it.

        Args:
            one_in: False accepts; None: `FALSE_ACCEPTS`, if there are any.

        Returns:
            The likeness and its false accepts; two of None where there is no usual one.

        Raises:
            errors.UserError: see `threshold`; only where one is asked for.
        """
        if one_in is None:
            if not self.has_threshold(FALSE_ACCEPTS):
                return None, None
            one_in = FALSE_ACCEPTS
        return self.threshold(one_in), one_in

    def threshold(self, one_in: int) -> float:
        """The likeness that one in so many pairs of two people reaches.

        Raises:
            errors.UserError: the export holds no such threshold.
        """
        calibrated = self.metadata.get("thresholds") or {}
        rows = calibrated.get("thresholds", [])
        known = {measures.LIKENESS}
        if self.metadata["inner_product_scale"] == 1:
            known.add(measures.OLDER_LIKENESS)
        if rows and calibrated.get("measure") not in known:
            raise errors.UserError(
                f"{self.folder}: its thresholds are not of the "
                f"{measures.LIKENESS}. Calibrate the run again "
                "(experiments.calibrate), then export it again"
            )
        known = {row["one_in"]: row["score"] for row in rows if "score" in row}
        if one_in not in known:
            raise errors.UserError(
                f"--false_accepts={one_in}: {self.folder} holds thresholds for "
                f"{', '.join(map(str, known)) or 'none'}. Calibrate the run "
                "(experiments.calibrate, with more held-out identities), then export "
                "it again"
            )
        return known[one_in]

    def probe_features(self, files: Sequence[bytes]) -> Answer:
        """n image files -> g(x), [n, E]."""
        return self._vectors("embed_probe", "probe_features", files)

    def gallery_classifiers(self, files: Sequence[bytes]) -> Answer:
        """n image files -> h(g(x~)), [n, E]."""
        return self._vectors("enroll_gallery", "gallery_classifiers", files)

    def explain(self, probe: bytes, gallery: Sequence[bytes]) -> Explanation:
        """Where the scores of a probe against gallery images come from.

        Args:
            probe: Image file.
            gallery: n image files.

        Raises:
            errors.UserError: the export has no such signature.
        """
        self._refuse_no_maps()
        found = self._call(
            layout.EXPLAIN, probe_bytes=[probe] * len(gallery), gallery_bytes=gallery
        )
        return Explanation(
            found["probe_map"],
            found["gallery_map"],
            found["scores"],
            self._reasons(found),
        )

    def explain_vectors(
        self, probe: bytes, classifiers: np.ndarray
    ) -> ProbeExplanation:
        """Where in a probe its scores against vectors come from.

        Map and score are linear in the vector: of the difference of two vectors they
        are the difference of the maps, and of the scores.

        Args:
            probe: Image file.
            classifiers: Real [n, E], as `gallery_classifiers` gives them, or sums and
                differences of such.

        Raises:
            errors.UserError: the export has no such signature.
        """
        self._refuse_no_maps()
        if layout.EXPLAIN_VECTORS not in self._loaded.signatures:
            raise errors.UserError(
                f"{self.folder}: it cannot tell a match from others by maps: the "
                f"export is older than the signature {layout.EXPLAIN_VECTORS}. Export "
                "the run again (of the same checkpoint: galleries stay as they are), "
                "or take maps of the scores (--explain_against=0)"
            )
        found = self._run(
            layout.EXPLAIN_VECTORS,
            probe_bytes=tf.constant([probe]),
            gallery_classifiers=tf.constant(classifiers, tf.float32),
        )
        (fault,) = self._reasons(found)
        return ProbeExplanation(found["probe_map"], found["scores"], fault)

    def _refuse_no_maps(self) -> None:
        if layout.EXPLAIN not in self._loaded.signatures:
            raise errors.UserError(
                f"{self.folder}: it cannot explain its scores: it is of a method whose "
                "score is no sum over places of an image"
            )

    def _vectors(self, signature: str, output: str, files) -> Answer:
        if self._onnx is None:
            found = self._call(signature, image_bytes=files)
        elif len(files):
            found = _in_requests(
                lambda image_bytes: self._onnx(output, image_bytes),
                {"image_bytes": files},
            )
        else:
            found = {output: np.empty((0, self.dimension), np.float32)}
            found[layout.FAULT] = np.empty(0, object)
        return Answer(found[output], self._reasons(found))

    def _reasons(self, found: dict[str, np.ndarray]) -> tuple[str, ...]:
        reasons = {
            b"": "",
            layout.UNDECODABLE.encode(): "the model's decoder refuses it: no whole "
            "JPEG, PNG or BMP image",
            layout.TOO_LARGE.encode(): "its header tells of more than "
            f"{self.metadata['largest_pixels']:,} pixels",
        }
        return tuple(reasons[kind] for kind in found[layout.FAULT])

    def _call(self, signature: str, **files: Sequence[bytes]) -> dict[str, np.ndarray]:
        """A signature's outputs."""

        def run(**files):
            tensors = {name: tf.constant(f, tf.string) for name, f in files.items()}
            return self._run(signature, **tensors)

        return _in_requests(run, files)

    def _run(self, signature: str, **tensors: tf.Tensor) -> dict[str, np.ndarray]:
        """One request, in whole float32: ONNX Runtime has it, and so has the export."""
        with full_precision.full_precision():
            found = self._loaded.signatures[signature](**tensors)
            return {name: values.numpy() for name, values in found.items()}


def _in_requests(run, files: dict[str, Sequence[bytes]]) -> dict[str, np.ndarray]:
    """What `run` gives for files; what one request cannot take goes in further ones."""
    (count,) = {len(column) for column in files.values()}
    outputs: dict[str, np.ndarray] = {}
    rows = np.arange(count)
    while True:
        found = run(**{name: [of[i] for i in rows] for name, of in files.items()})
        for name, values in found.items():
            shape = (count, *values.shape[1:])
            outputs.setdefault(name, np.empty(shape, values.dtype))[rows] = values
        left = rows[outputs[layout.FAULT][rows] == layout.REQUEST_FULL.encode()]
        if not len(left):
            return outputs
        if len(left) == len(rows):
            raise AssertionError("a request that is full before its first image")
        rows = left
