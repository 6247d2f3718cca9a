"""Another run's checkpoint as a start: where it is, its hash, its weights."""

import hashlib
import pathlib
import re

from dimn_tf import errors
from dimn_tf.encoders import instance_norm_places
from dimn_tf.encoders import neck as neck_lib
from dimn_tf.methods import inner_adam
from dimn_tf.training import checkpoints, workdir

_CHUNK = 1 << 20
_AS_THERE = (
    "Give the flags --encoder..., --instance_norm_through and --feature_neck as they "
    "were there."
)


def fingerprint(place: str) -> str:
    """`ckpt-N sha256:HASH` of the checkpoint, which stays when the run is moved.

    Raises:
        errors.UserError: there is none.
    """
    folder, step = locate(place)
    digest = hashlib.sha256()
    for path in checkpoints.files_of(folder, step):
        with open(path, "rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    return f"ckpt-{step} sha256:{digest.hexdigest()}"


def locate(place: str) -> tuple[pathlib.Path, int]:
    """Folder and step of a checkpoint.

    Args:
        place: A work directory, whose newest checkpoint is meant, or the path of a
            checkpoint without its ending, `.../ckpt-N`.

    Raises:
        errors.UserError: there is none.
    """
    path = pathlib.Path(place)
    if named := re.fullmatch(r"ckpt-(\d+)", path.name):
        folder, step = path.parent, int(named[1])
        found = checkpoints.whole_steps(folder)
        if step in found:
            return folder, step
    else:
        folder = workdir.WorkDir(path).checkpoints
        found = checkpoints.whole_steps(folder)
        if found:
            return folder, found[-1]
    there = ", ".join(f"ckpt-{step}" for step in found) or "no checkpoint"
    raise errors.UserError(
        f"--init_from={place}: expected a run's work directory or one of its "
        f"checkpoints (.../checkpoints/ckpt-N); found {there} in {folder.absolute()}."
    )


def load(place: str, method, sources_sha256: str | None = None) -> list[str]:
    """Puts another run's weights into a method: its encoder, and what else fits.

    What is of training identities (classifiers, DIMN's memory) is taken over from a run
    on the same ones alone: of others, equal shapes mean nothing.

    Args:
        place: See `locate`.
        method: A `Method`, at its start.
        sources_sha256: Of what it will be trained on, as its work directory records it.

    Returns:
        The names of the variables that were taken over.

    Raises:
        errors.UserError: the other run's encoder has other variables.
    """
    folder, step = locate(place)
    held = checkpoints.values(folder, step, "inference")
    needed = checkpoints.by_name(method.encoder.variables)
    for name, variable in needed.items():
        if name not in held or held[name].shape != tuple(variable.shape):
            found = f"shape {held[name].shape}" if name in held else "none"
            raise errors.UserError(
                f"--init_from={place}: the encoder of that run is another one: of "
                f"{name}, {found} was found, shape {tuple(variable.shape)} expected. "
                f"{_AS_THERE}"
            )
    # What stands in no other layer's place there would just be missing here.
    for name in held.keys() - needed.keys():
        layer = name.split("/")[0]
        if layer == neck_lib.NAME or layer.endswith(instance_norm_places.SUFFIX):
            raise errors.UserError(
                f"--init_from={place}: the encoder of that run is another one: its "
                f"features go through {name} too. {_AS_THERE}"
            )
    wanted = checkpoints.by_name(method.inference_variables)
    if is_of_the_same(folder, sources_sha256):
        held |= checkpoints.values(folder, step, "training")
        wanted |= checkpoints.by_name(method.variables)
    taken = []
    for name, variable in wanted.items():
        if name.startswith(f"{inner_adam.NAME}/"):
            continue  # They go by a count of steps that begins anew here.
        if name in held and held[name].shape == tuple(variable.shape):
            variable.assign(held[name])
            taken.append(name)
    return taken


def is_of_the_same(
    checkpoints_folder: pathlib.Path, sources_sha256: str | None
) -> bool:
    """Whether a run was trained on these identities, as its record has it."""
    return bool(sources_sha256) and _sources(checkpoints_folder) == sources_sha256


def of_averages(place: str, sources_sha256: str | None) -> str:
    """A sentence where what is of identities does not belong to the encoder.

    A run that ends with the means of its weights has classifiers and a memory of its
    last step beside them; empty where neither is taken over.

    Args:
        place: See `locate`.
        sources_sha256: See `load`.
    """
    folder, step = locate(place)
    directory = workdir.WorkDir(folder.parent)
    if not is_of_the_same(folder, sources_sha256):
        return ""
    held = workdir.read(directory)
    if held.get("average_weights_from", 1) == 1 or step < held.get("train_steps", 0):
        return ""
    return (
        " Its encoder is of mean weights (--average_weights_from), its classifiers and "
        "memory are of its last step: the first steps bring them together."
    )


def _sources(checkpoints_folder: pathlib.Path) -> str | None:
    """What the run of a folder of checkpoints was trained on; None: not recorded."""
    directory = workdir.WorkDir(checkpoints_folder.parent)
    if not directory.config.exists():
        return None
    return workdir.read(directory).get("sources_sha256")
