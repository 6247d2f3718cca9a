"""An export, loaded to enrol and to search: image files in, vectors out."""

from __future__ import annotations

import json
import os
import pathlib
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from dimn_tf import errors
from dimn_tf.evaluation import calibration
from dimn_tf.export import exporter, serving

_INDEX_SEPARATOR = "by their index in the batch:] ["


class UndecodableError(errors.UserError):
    """Images that the model's decoder refuses.

    Attributes:
        indices: Theirs, in the batch.
    """

    def __init__(self, indices: Sequence[int]):
        self.indices = list(indices)
        super().__init__(
            "the model's decoder refuses the image"
            + (f"s {self.indices} of the batch" if len(self.indices) > 1 else "")
            + ": a whole JPEG, PNG or BMP image is expected"
        )


class ServedModel:
    """The newest version of an export.

    Args:
        export_dir: What `experiments.export` wrote to, or one version's folder.

    Raises:
        errors.UserError: there is no export.
    """

    def __init__(self, export_dir: str | os.PathLike):
        self.folder = _version_folder(pathlib.Path(export_dir))
        self.metadata = json.loads((self.folder / exporter.METADATA_FILE).read_text())
        self._loaded = tf.saved_model.load(str(self.folder))

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
        """D."""
        return self.metadata["feature_dimension"]

    def threshold(self, one_in: int) -> float:
        """The likeness that one in so many pairs of two people reaches.

        Raises:
            errors.UserError: the export holds no such threshold.
        """
        calibrated = self.metadata.get("thresholds") or {}
        rows = calibrated.get("thresholds", [])
        if rows and calibrated.get("measure") != calibration.LIKENESS:
            raise errors.UserError(
                f"{self.folder}: its thresholds are not of the "
                f"{calibration.LIKENESS}. Calibrate the run again "
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

    def probe_features(self, files: Sequence[bytes]) -> np.ndarray:
        """Image files -> g(x), float32 [n, D]; raises `UndecodableError`."""
        found = self._call("embed_probe", image_bytes=files)
        return found["probe_features"].numpy()

    def gallery_classifiers(self, files: Sequence[bytes]) -> np.ndarray:
        """Image files -> h(g(x~)), float32 [n, D]; raises `UndecodableError`."""
        found = self._call("enroll_gallery", image_bytes=files)
        return found["gallery_classifiers"].numpy()

    def explain(
        self, probe: bytes, gallery: Sequence[bytes]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Where the scores of a probe against gallery images come from.

        Args:
            probe: Image file.
            gallery: n image files.

        Returns:
            Maps of the probe for each match and maps of the matches, float32
            [n, rows, columns] each, and the scores [n] that each map adds up to.

        Raises:
            errors.UserError: the export has no such signature.
            UndecodableError: images that the decoder refuses.
        """
        if serving.EXPLAIN not in self._loaded.signatures:
            raise errors.UserError(
                f"{self.folder}: it cannot explain its scores: exported by an older "
                "version (export again), or of a method whose score is no sum over "
                "places of an image"
            )
        found = self._call(
            serving.EXPLAIN,
            probe_bytes=[probe] * len(gallery),
            gallery_bytes=gallery,
        )
        return tuple(
            found[name].numpy() for name in ("probe_map", "gallery_map", "scores")
        )

    def _call(self, signature: str, **files: Sequence[bytes]) -> dict[str, tf.Tensor]:
        tensors = {k: tf.constant(list(v), tf.string) for k, v in files.items()}
        try:
            return self._loaded.signatures[signature](**tensors)
        except tf.errors.InvalidArgumentError as error:
            _, named, rest = str(error).partition(_INDEX_SEPARATOR)
            if not named:
                raise
            indices = [int(x) for x in rest.split("]")[0].split()]
            raise UndecodableError(indices) from error


def _version_folder(path: pathlib.Path) -> pathlib.Path:
    if (path / exporter.METADATA_FILE).is_file():
        return path
    versions = []
    if path.is_dir():
        versions = [p for p in path.iterdir() if p.name.isdecimal()]
    if not versions:
        raise errors.UserError(
            f"--model={path}: there is no export. Make one: python -m "
            f"experiments.export --workdir=RUN --export_dir={path}"
        )
    newest = max(versions, key=lambda p: int(p.name))
    if not (newest / exporter.METADATA_FILE).is_file():
        raise errors.UserError(
            f"{newest} lacks {exporter.METADATA_FILE}: it is no export of "
            "experiments.export"
        )
    return newest
