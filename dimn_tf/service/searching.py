"""Operations that look for somebody: search, compare, explain."""

from __future__ import annotations

import functools
from typing import Annotated

import fastapi
import numpy as np

from dimn_tf import images
from dimn_tf.evaluation import measures
from dimn_tf.gallery import explanation, filters
from dimn_tf.service import (
    answers,
    encoder_queue,
    labels,
    parameters,
    people,
    problems,
)

router = fastapi.APIRouter(
    prefix="/v1", responses=problems.RESPONSES, dependencies=parameters.TOKEN
)
_SHOWN_IN_LOG = 10  # Entries of a search.


@router.post("/search", summary="Search for the people on an image")
async def search(
    core: parameters.Core,
    caller: parameters.Caller,
    image: parameters.Image,
    box: parameters.Boxes = [],  # noqa: B006 - FastAPI copies it.
    k: Annotated[int, fastapi.Form(ge=1, description="Hits, at most.")] = 10,
    one_per_person: parameters.OnePerPerson = True,
    camera_id: parameters.Cameras = [],  # noqa: B006
    since: parameters.Time = None,
    until: parameters.Time = None,
    false_accepts: parameters.FalseAccepts = None,
) -> answers.Found:
    """Ranks the gallery's entries for each box of an image, or for all of it.

    A likeness is a proposal for a human who looks at the pictures.
    """
    if k > core.options.largest_k:
        raise problems.Problem(422, "k", f"k={k}: at most {core.options.largest_k}")
    threshold, false_accepts = core.encoding.threshold(false_accepts)
    boxes = parameters.boxes(box, core.options.images_per_request)
    async with core.encoding.pictures(await image.read(), boxes) as held:
        vectors, faults = await core.encoding.vectors(encoder_queue.PROBE, held)
        pictures = [picture.without_file() for picture in held]
        del held
    good = [i for i, fault in enumerate(faults) if fault is None]
    if not good:
        raise problems.Problem(422, "image", f"image: {faults[0]}")
    wanted = _wanted(camera_id, since, until)
    found = await core.search(vectors[good], k, one_per_person, wanted)
    ranked = dict(zip(good, found, strict=True))
    names = await core.public_ids({hit.entry_id for one in found for hit in one.hits})
    probes = []
    for i, (picture, fault) in enumerate(zip(pictures, faults, strict=True)):
        length = float(np.linalg.norm(vectors[i])) if fault is None else 1.0
        probes.append(
            answers.Probe(
                box=picture.box and picture.box.text(),
                fault=fault,
                limited=fault is None and ranked[i].limited,
                hits=[
                    _hit(hit, rank, core.encoding.scale, length, threshold, names)
                    for rank, hit in enumerate(
                        ranked[i].hits if fault is None else (), start=1
                    )
                ],
            )
        )
        core.record(
            caller,
            "search",
            probe=picture.digest,
            found=[
                {"id": hit.id, "person_id": hit.person_id, "likeness": hit.likeness}
                for hit in probes[-1].hits[:_SHOWN_IN_LOG]
            ],
        )
    return answers.Found(
        threshold=threshold, false_accepts=false_accepts, probes=probes
    )


@router.post("/compare", summary="Compare two images")
async def compare(
    core: parameters.Core,
    caller: parameters.Caller,
    probe: parameters.Image,
    enrolled: parameters.Image,
    probe_box: parameters.Box = "",
    enrolled_box: parameters.Box = "",
    false_accepts: parameters.FalseAccepts = None,
) -> answers.Comparison:
    """How alike the people on two images are; nothing is kept of them."""
    threshold, false_accepts = core.encoding.threshold(false_accepts)
    vectors, digests = [], []
    for name, image, box, kind in (
        ("probe", probe, probe_box, encoder_queue.PROBE),
        ("enrolled", enrolled, enrolled_box, encoder_queue.ENROLLED),
    ):
        boxes = parameters.boxes([box], 1)
        content = await image.read()
        async with core.encoding.pictures(content, boxes, name) as pictures:
            found, faults = await core.encoding.vectors(kind, pictures)
            digests.append(pictures[0].digest)
            del pictures
        if faults[0] is not None:
            raise problems.Problem(422, "image", f"{name}: {faults[0]}")
        vectors.append(found[0])
    score = core.encoding.scale * float(vectors[0] @ vectors[1])
    likeness = score / (core.encoding.scale * float(np.linalg.norm(vectors[0])))
    core.record(caller, "compare", images=digests, likeness=likeness)
    return answers.Comparison(
        score=score,
        likeness=likeness,
        threshold=threshold,
        false_accepts=false_accepts,
        passes=None if threshold is None else measures.reaches(likeness, threshold),
    )


@router.post(
    "/explain",
    summary="Why this entry and not another",
    responses=problems.responses(404),
)
async def explain(
    core: parameters.Core,
    caller: parameters.Caller,
    image: parameters.Image,
    entry_id: Annotated[str, fastapi.Form(max_length=4096)],
    box: parameters.Box = "",
    against: Annotated[
        int,
        fastapi.Form(
            ge=0,
            description="Best entries that the entry is compared with; 0: with none. "
            "Then the maps are of the score.",
        ),
    ] = explanation.AGAINST,
    one_per_person: parameters.OnePerPerson = True,
    camera_id: parameters.Cameras = [],  # noqa: B006
    since: parameters.Time = None,
    until: parameters.Time = None,
) -> answers.Explanation:
    """Maps of where a match's margin over the others comes from, on both images.

    The others are the best entries of a search: asked as the one that found the match,
    those that it found.

    The maps add up to the margin, with the lengths that vectors are divided by held
    constant. On the match, the others' mean score is taken off evenly, as is what the
    kept picture, a smaller one than was enrolled, scores otherwise. A place
    sees beyond its square of the image.
    """
    if against == explanation.AGAINST:  # Nobody's wish: where less may be asked for,
        against = min(against, core.options.largest_k)
    if against > core.options.largest_k:
        raise problems.Problem(
            422, "against", f"against={against}: at most {core.options.largest_k}"
        )
    wanted = _wanted(camera_id, since, until)
    boxes = parameters.boxes([box], 1)

    def work(gallery: people.People):
        name = gallery.private_id(entry_id)
        return gallery.told_from(name, vectors[0], against, one_per_person, wanted)

    async with core.encoding.pictures(await image.read(), boxes) as (picture,):
        vectors, faults = await core.encoding.vectors(encoder_queue.PROBE, [picture])
        if faults[0] is not None:
            raise problems.Problem(422, "image", f"image: {faults[0]}")
        told = await core.gallery(work)
        if told is None:
            raise problems.Problem(404, "no_entry", "There is no such entry")
        vector, others, match, kept = told
        if match is None:
            raise problems.Problem(404, "no_picture", "No picture of the entry is kept")
        if not kept:
            match = await _checked(core, match)
        score = core.encoding.scale * float(vectors[0] @ vector)
        row = await core.encoding.explained(
            picture.file, entry_id, score, match, others, kept
        )
    if row.probe_map is None:
        raise problems.Problem(422, "explain", f"The entry's picture: {row.missing}")
    core.record(caller, "explain", probe=picture.digest, id=entry_id)
    return answers.Explanation(
        score=score,
        length=core.encoding.scale * float(np.linalg.norm(vectors[0])),
        margin=row.margin if others.count else None,
        against=others.count,
        probe_map=row.probe_map.tolist(),
        match_map=row.gallery_map.tolist(),
    )


async def _checked(core, match: bytes) -> bytes:
    """An entry's picture as the model takes it."""
    check = functools.partial(images.checked, compression=images.READ_AT_ONCE)
    try:
        return await core.encoding.made_of(match, check)
    except images.ImageFault as fault:
        raise problems.Problem(
            404, "no_picture", "The entry's picture cannot be read any more"
        ) from fault


def _wanted(cameras, since, until) -> filters.Filter | None:
    """Which entries a request asks for; None: all."""
    wanted = filters.Filter(
        labels.alike(cameras), parameters.aware(since), parameters.aware(until)
    )
    return None if wanted == filters.Filter() else wanted


def _hit(hit, rank, scale, length, threshold, names) -> answers.Hit:
    name, score = names.get(hit.entry_id, hit.entry_id), scale * hit.score
    likeness = score / (scale * length)
    return answers.Hit(
        rank=rank,
        id=name,
        person_id=hit.person_id,
        camera_id=filters.text_of(hit.metadata, filters.CAMERA),
        seen_at=filters.text_of(hit.metadata, filters.SEEN),
        score=score,
        likeness=likeness,
        passes=None if threshold is None else measures.reaches(likeness, threshold),
        picture=parameters.picture_of(name),
    )
