"""Built data sets with random access by index: the pixels stay on disk."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from dimn_tf import errors

# Names of the features that hold a person and a camera; and, of classes, a class.
_PERSONS = ("person_id", "camera_id")
_CLASSES = ("label", None)

# Records held at a time while the metadata are read: some 10 MB of pixels.
_METADATA_CHUNK = 512


@dataclasses.dataclass(frozen=True, eq=False)
class ReidRecords:
    """The images of one built data set: metadata in memory, pixels on disk.

    Memory grows with the number of images N only by their metadata, 16 bytes of
    numbers and some 200 bytes of names an image: 27 MB for the paper's 121,765
    source images. At hundreds of millions of images the names would have to stay on
    disk too, and the metadata would want a file of their own, because TFDS keeps
    them beside the pixels and so reading them reads every record once.

    Attributes:
        reference: TFDS name of the data set, such as `cuhk02/partial`.
        person_ids: int64 [N], raw numbers of the archive.
        camera_ids: int64 [N], raw numbers of the archive.
        file_names: str [N], path inside the archive.
        splits: str [N], name of the split that holds the image.
        source: anything with `__getitems__(indices) -> serialised tf.train.Examples`.
        non_identities: raw person ids that are no identity (Market-1501's
            distractors and junk).
        training_splits: splits that are trained on; empty means all of them.
            CUHK03's boxes come twice, detected and drawn by hand: the paper's
            Table 1 counts the detected ones.
    """

    reference: str
    person_ids: np.ndarray
    camera_ids: np.ndarray
    file_names: np.ndarray
    splits: np.ndarray
    source: Any = dataclasses.field(repr=False)
    non_identities: tuple[int, ...] = ()
    training_splits: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.person_ids)

    def encoded_images(self, indices: Sequence[int]) -> list[bytes]:
        """Reads image files (JPEG, PNG or BMP bytes) by index.

        Args:
            indices: integers in 0..N-1, in any order, repeated at will.

        Returns:
            The encoded images in the order of `indices`.
        """
        examples = self.source.__getitems__([int(index) for index in indices])
        return [
            tf.train.Example.FromString(example)
            .features.feature["image"]
            .bytes_list.value[0]
            for example in examples
        ]


def load_records(
    reference: str, data_dir: str, splits: Sequence[str] | None = None
) -> ReidRecords:
    """Opens a built data set of the registry.

    Args:
        reference: registry name with an optional configuration (`cuhk02/partial`).
        data_dir: folder that TFDS builds into.
        splits: splits to read, concatenated in this order; by default all, in the
            order in which the builder declares them.

    Returns:
        The records of those splits.

    Raises:
        errors.UserError: the data set is not built in `data_dir`, was built in a
            format without random access, lacks a split, or is one of classes.
    """
    from data_builders import registry

    registry.refuse_classes([reference])
    facts = registry.facts(reference, data_dir)
    return records_of_builder(
        registry.make_builder(reference, data_dir),
        reference,
        splits,
        facts.non_identities,
        facts.training_splits,
    )


def load_class_records(reference: str, data_dir: str, split: str) -> ReidRecords:
    """Opens a split of a built data set of classes, which stand for persons here.

    Args:
        reference: As `load_records` takes it, such as `mini_imagenet/partial`.
        data_dir: folder that TFDS builds into.
        split: its name.

    Returns:
        Its records: `person_ids` are the classes' labels, cameras are all 0.

    Raises:
        errors.UserError: see `load_records`; or it is one of persons.
    """
    from data_builders import registry

    registry.refuse_persons(reference)
    builder = registry.make_builder(reference, data_dir)
    return records_of_builder(builder, reference, [split], features=_CLASSES)


def in_memory(
    reference: str,
    encoded_images: Sequence[bytes],
    person_ids: Sequence[int],
    camera_ids: Sequence[int] | None = None,
    file_names: Sequence[str] | None = None,
    splits: Sequence[str] | None = None,
    non_identities: Sequence[int] = (),
    training_splits: Sequence[str] = (),
) -> ReidRecords:
    """Records of images that are no built data set: some hundreds of them at most.

    Args:
        reference: any name.
        encoded_images: N image files.
        person_ids: N integers.
        camera_ids: N integers; by default 0.
        file_names: N names; by default the image's number.
        splits: N names; by default `all`.
        non_identities: raw person ids that are no identity.
        training_splits: splits that are trained on; empty means all of them.
    """
    size = len(encoded_images)
    return ReidRecords(
        reference=reference,
        person_ids=np.array(person_ids, np.int64),
        camera_ids=np.array([0] * size if camera_ids is None else camera_ids, np.int64),
        file_names=np.array(
            [str(i) for i in range(size)] if file_names is None else file_names
        ),
        splits=np.array(["all"] * size if splits is None else splits),
        source=_InMemorySource(encoded_images),
        non_identities=tuple(non_identities),
        training_splits=tuple(training_splits),
    )


class _InMemorySource:
    """Serves image files as TFDS' data sources serve records."""

    def __init__(self, encoded_images: Sequence[bytes]):
        self._examples = []
        for encoded in encoded_images:
            example = tf.train.Example()
            example.features.feature["image"].bytes_list.value.append(encoded)
            self._examples.append(example.SerializeToString())

    def __getitems__(self, indices: Sequence[int]) -> list[bytes]:
        return [self._examples[index] for index in indices]


def records_of_builder(
    builder: tfds.core.DatasetBuilder,
    reference: str,
    splits: Sequence[str] | None = None,
    non_identities: Sequence[int] = (),
    training_splits: Sequence[str] = (),
    features: tuple[str, str | None] = _PERSONS,
) -> ReidRecords:
    """Opens what a TFDS builder has built; see `load_records`.

    `features` are the names of those that hold a person and a camera; without the
    latter all cameras are 0.
    """
    if not builder.is_prepared():
        raise errors.UserError(
            f"Data set {reference!r} is not built: found no {builder.data_path}. "
            f"Build it with `python -m experiments.build_datasets "
            f"--datasets={reference} --data_dir={builder.data_dir_root} "
            "--manual_dir=FOLDER_OF_THE_ARCHIVES`, or name the folder that holds it "
            "with --data_dir."
        )
    sizes = {name: info.num_examples for name, info in builder.info.splits.items()}
    chosen = list(sizes) if splits is None else list(splits)
    unknown = [name for name in chosen if name not in sizes]
    if unknown:
        raise errors.UserError(
            f"Data set {reference!r} in {builder.data_path} has no split "
            f"{', '.join(unknown)}; it has {', '.join(sizes)}."
        )
    filled = [name for name in chosen if sizes[name]]
    if not filled:
        raise errors.UserError(
            f"Data set {reference!r} in {builder.data_path} holds no image in "
            f"{', '.join(chosen) or 'any split'}: remove the folder and build it again."
        )
    try:
        source = builder.as_data_source(
            "+".join(filled),
            deserialize_method=tfds.decode.DeserializeMethod.RAW_BYTES,
        )
    except NotImplementedError as error:
        raise errors.UserError(
            f"Data set {reference!r} in {builder.data_path} was built as "
            f"{builder.info.file_format.value}, which cannot be read by index: remove "
            "the folder and build it again with "
            "`python -m experiments.build_datasets`, or with "
            "`tfds build --file_format=array_record`."
        ) from error
    person_ids, camera_ids, file_names = _read_metadata(source, *features)
    file_names = _decoded(file_names, reference, builder.data_path)
    return ReidRecords(
        reference=reference,
        person_ids=person_ids,
        camera_ids=camera_ids,
        file_names=file_names,
        splits=np.repeat(filled, [sizes[name] for name in filled]),
        source=source,
        non_identities=tuple(non_identities),
        training_splits=tuple(training_splits),
    )


def _read_metadata(
    source, person: str, camera: str | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Person ids, camera ids and file names (bytes) of all records, by chunks."""
    wanted = {name: tf.io.FixedLenFeature([], tf.int64) for name in (person, camera)}
    wanted.pop(None, None)
    wanted["file_name"] = tf.io.FixedLenFeature([], tf.string)
    person_ids, camera_ids, file_names = [], [], []
    for start in range(0, len(source), _METADATA_CHUNK):
        stop = min(start + _METADATA_CHUNK, len(source))
        parsed = tf.io.parse_example(source.__getitems__(range(start, stop)), wanted)
        person_ids.append(parsed[person].numpy())
        cameras = parsed[camera].numpy() if camera else np.zeros(stop - start, np.int64)
        camera_ids.append(cameras)
        file_names.append(parsed["file_name"].numpy().astype("S"))
    return (
        np.concatenate(person_ids),
        np.concatenate(camera_ids),
        np.concatenate(file_names),
    )


def _decoded(file_names: np.ndarray, reference: str, path) -> np.ndarray:
    """Names as text: bytes [N] -> str [N].

    Raises:
        errors.DataError: names are no UTF-8. TFDS encodes text so; bytes it stores as
            they are, and an archive's member may have any.
    """
    try:
        return np.char.decode(file_names, "utf-8")
    except UnicodeDecodeError:
        lost = [name for name in file_names.tolist() if not _is_text(name)]
    raise errors.DataError(
        f"{reference}: names of {len(lost):,} of its {len(file_names):,} images are no "
        "text",
        path=path,
        found=f"{lost[0]!r}"[1:],
        expected="names in UTF-8",
        action="rename these files where the data set was built from, remove this "
        "folder, and build it again",
    )


def _is_text(name: bytes) -> bool:
    try:
        name.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
