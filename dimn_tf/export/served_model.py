"""An export, loaded to enrol and to search: image files in, vectors out.

Imports TensorFlow and NumPy, and nothing of training, evaluation or data sets.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from dimn_tf import errors, plain_paths, standard_json, tensorflow_errors
from dimn_tf.evaluation import measures
from dimn_tf.export import layout

_METADATA = {
    "checkpoint_sha256": str,
    "dimension": int,
    "inner_product_scale": (int, float, type(None)),
    "largest_pixels": int,
}

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

    Args:
        export_dir: What `experiments.export` wrote to, or one version's folder.

    Raises:
        errors.UserError: there is no export, or one that is not whole.
    """

    def __init__(self, export_dir: str | os.PathLike):
        self.folder = version_folder(pathlib.Path(export_dir))
        self.metadata = _metadata(self.folder / layout.METADATA_FILE)
        try:
            with plain_paths.plain(self.folder) as folder:
                self._loaded = tf.saved_model.load(str(folder))
            signatures = set(self._loaded.signatures)
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

    def threshold(self, one_in: int) -> float:
        """The likeness that one in so many pairs of two people reaches.

        Raises:
            errors.UserError: the export holds no such threshold.
        """
        calibrated = self.metadata.get("thresholds") or {}
        rows = calibrated.get("thresholds", [])
        if rows and calibrated.get("measure") != measures.LIKENESS:
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
        found = self._loaded.signatures[layout.EXPLAIN_VECTORS](
            probe_bytes=tf.constant([probe]),
            gallery_classifiers=tf.constant(classifiers, tf.float32),
        )
        found = {name: values.numpy() for name, values in found.items()}
        (fault,) = self._reasons(found)
        return ProbeExplanation(found["probe_map"], found["scores"], fault)

    def _refuse_no_maps(self) -> None:
        if layout.EXPLAIN not in self._loaded.signatures:
            raise errors.UserError(
                f"{self.folder}: it cannot explain its scores: it is of a method whose "
                "score is no sum over places of an image"
            )

    def _vectors(self, signature: str, output: str, files) -> Answer:
        found = self._call(signature, image_bytes=files)
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
        """A signature's outputs; what one request cannot take goes in further ones."""
        (count,) = {len(column) for column in files.values()}
        outputs: dict[str, np.ndarray] = {}
        rows = np.arange(count)
        while True:
            tensors = {
                name: tf.constant([column[i] for i in rows], tf.string)
                for name, column in files.items()
            }
            found = self._loaded.signatures[signature](**tensors)
            for name, values in found.items():
                values = values.numpy()
                shape = (count, *values.shape[1:])
                outputs.setdefault(name, np.empty(shape, values.dtype))[rows] = values
            left = rows[outputs[layout.FAULT][rows] == layout.REQUEST_FULL.encode()]
            if not len(left):
                return outputs
            if len(left) == len(rows):
                raise AssertionError("a request that is full before its first image")
            rows = left


def version_folder(path: pathlib.Path) -> pathlib.Path:
    """The folder of the newest version of an export, or the version's that is named.

    Raises:
        errors.UserError: there is none, or the newest is not whole.
    """
    if (path / layout.METADATA_FILE).is_file():
        return path
    command = "python -m experiments.export --workdir=RUN --export_dir="
    if not path.is_dir():
        found = "it is a file" if path.exists() else "there is no such folder"
        raise errors.UserError(
            f"--model={path}: {found}; expected the folder of an export. Make one: "
            f"{command}{path if not path.exists() else 'EXPORT'}"
        )
    versions = [p for p in path.iterdir() if p.name.isdecimal() and p.is_dir()]
    if not versions:
        found = "an empty folder"
        if (path / "saved_model.pb").is_file():
            found = f"a SavedModel without {layout.METADATA_FILE}"
        elif (path / "checkpoints").is_dir():
            found = "a run's work directory: export it first"
        elif any(path.iterdir()):
            found = "a folder without a version's folder (1, 2, ...)"
        raise errors.UserError(
            f"--model={path}: there is no export, found {found}. Make one: "
            f"{command}EXPORT"
        )
    newest = max(versions, key=lambda p: int(p.name))
    if not (newest / layout.METADATA_FILE).is_file():
        raise errors.UserError(
            f"--model={newest}: it lacks {layout.METADATA_FILE}: it is no export of "
            "experiments.export, or not whole. Name another version, or export again"
        )
    return newest


def _metadata(path: pathlib.Path) -> dict[str, Any]:
    try:
        found = standard_json.read_object(path)
    except (OSError, ValueError) as error:
        raise errors.UserError(
            f"{path}: cannot be read as JSON ({error}). Copy the export again, or "
            "export the run again"
        ) from error
    wrong = [
        name
        for name, kind in _METADATA.items()
        if name not in found
        or not isinstance(found[name], kind)
        or isinstance(found[name], bool)
        or found[name] == ""
    ]
    if wrong:
        raise errors.UserError(
            f"{path}: {', '.join(wrong)} missing or of another type: the export is of "
            "an older version of this program, or was changed by hand. Export the run "
            "again (of the same checkpoint: galleries stay as they are)"
        )
    return found
