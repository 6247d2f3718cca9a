"""What the service does: search, enrol, list, remove, compare."""

from __future__ import annotations

import datetime
import urllib.parse
from typing import Annotated

import fastapi
import numpy as np

from dimn_tf.gallery import entries as entries_lib
from dimn_tf.service import answers, core, encoder_queue, people, problems, uploads

router = fastapi.APIRouter(prefix="/v1", responses=problems.RESPONSES)

Image = Annotated[
    fastapi.UploadFile,
    fastapi.File(description="JPEG, PNG, BMP, GIF, WebP or TIFF; turned as EXIF says."),
]
_BOX = "left,top,width,height in pixels of the upright image; left out: all of it."
Boxes = Annotated[
    list[str],
    fastapi.Form(
        description=f"A person's box, {_BOX} Several: each is searched for.",
        examples=[["10,20,64,128"]],
    ),
]
Box = Annotated[
    str,
    fastapi.Form(description=f"The person's box, {_BOX}", examples=["10,20,64,128"]),
]
Label = Annotated[str, fastapi.Form(max_length=256)]
Time = Annotated[
    datetime.datetime | None,
    fastapi.Form(description="ISO 8601; without a time zone it is UTC."),
]
FalseAccepts = Annotated[
    int | None,
    fastapi.Form(
        description="Of so many pairs of two people, one reaches the threshold. Left "
        "out: 1000 where the model has it.",
        examples=[1000],
    ),
]
EntryId = Annotated[str, fastapi.Path(max_length=4096)]
_SHOWN_IN_LOG = 10  # Entries of a search.


def _core(request: fastapi.Request) -> core.Core:
    return request.app.state.core


def _caller(request: fastapi.Request) -> str:
    return request.scope["state"]["caller"]


Core = Annotated[core.Core, fastapi.Depends(_core)]
Caller = Annotated[str, fastapi.Depends(_caller)]


@router.post("/search", summary="Search for the people on an image")
async def search(
    core: Core,
    caller: Caller,
    image: Image,
    box: Boxes = [],  # noqa: B006 - FastAPI copies it.
    k: Annotated[int, fastapi.Form(ge=1, description="Hits, at most.")] = 10,
    one_per_person: Annotated[
        bool, fastapi.Form(description="Of several entries of a person, the best.")
    ] = True,
    camera_id: Annotated[
        list[str], fastapi.Form(description="Entries of these cameras alone.")
    ] = [],  # noqa: B006
    since: Time = None,
    until: Time = None,
    false_accepts: FalseAccepts = None,
) -> answers.Found:
    """Ranks the gallery's entries for each box of an image, or for all of it.

    A likeness is a proposal for a human who looks at the pictures.
    """
    if k > core.options.largest_k:
        raise problems.Problem(422, "k", f"k={k}: at most {core.options.largest_k}")
    threshold, false_accepts = core.threshold(false_accepts)
    boxes = [uploads.Box.parse(text) for text in _few(box, core)]
    pictures = await core.pictures(await image.read(), boxes)
    vectors, faults = await core.vectors(encoder_queue.PROBE, pictures)
    good = [i for i, fault in enumerate(faults) if fault is None]
    if not good:
        raise problems.Problem(422, "image", f"image: {faults[0]}")
    cameras = {name for name in camera_id if name}
    since, until = _aware(since), _aware(until)

    def accept(hit: entries_lib.Hit) -> bool:
        of_camera = not cameras or hit.metadata.get(people.CAMERA) in cameras
        return of_camera and people.within(hit.metadata, since, until)

    asked = accept if cameras or since or until else None

    def work(gallery: people.People):
        hits = gallery.search(vectors[good], k, one_per_person, asked)
        return hits, gallery.public_ids({h.entry_id for row in hits for h in row})

    hits, names = await core.gallery(work)
    of_probe = dict(zip(good, hits, strict=True))
    probes = []
    for i, (picture, fault) in enumerate(zip(pictures, faults, strict=True)):
        length = float(np.linalg.norm(vectors[i])) if fault is None else 1.0
        probes.append(
            answers.Probe(
                box=picture.box and picture.box.text(),
                fault=fault,
                hits=[
                    _hit(hit, rank, core.scale, length, threshold, names)
                    for rank, hit in enumerate(of_probe.get(i, ()), start=1)
                ],
            )
        )
        core.audit.write(
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


@router.post(
    "/entries",
    summary="Enrol the person on an image",
    status_code=201,
    responses={
        200: {"model": answers.Enrolled, "description": "It is there already."},
        409: {"description": "It is there under another person, camera or time."},
    },
)
async def enrol(
    core: Core,
    caller: Caller,
    response: fastapi.Response,
    image: Image,
    box: Box = "",
    person_id: Label = "",
    camera_id: Label = "",
    seen_at: Time = None,
    replace: Annotated[
        bool, fastapi.Form(description="Whether other labels take the place of those.")
    ] = False,
) -> answers.Enrolled:
    """Adds an entry; what is answered with 2xx is on disk.

    An entry is known by its picture's content: enrolled again, it stays one.
    """
    boxes = [uploads.Box.parse(box)] if box else []
    (picture,) = await core.pictures(await image.read(), boxes)
    seen = _aware(seen_at)
    wish = people.Wish(
        f"sha256-{picture.digest}",
        _label(person_id),
        _label(camera_id),
        None if seen is None else people.text_of(seen),
        picture.file,
        replace,
    )
    now = datetime.datetime.now(datetime.UTC)
    outcome, differs = await core.gallery(people.People.enrol, wish, None, now)
    if outcome in (people.CREATED, people.REPLACED):
        vectors, faults = await core.vectors(encoder_queue.ENROLLED, [picture])
        if faults[0] is not None:
            raise problems.Problem(422, "image", f"image: {faults[0]}")
        core.audit.write(
            caller, "enrol", id=wish.entry_id, person_id=wish.person_id, replace=replace
        )
        outcome, differs = await core.changed(
            people.People.enrol, wish, vectors[0], now
        )
    if outcome == people.DIFFERS:
        raise problems.Problem(
            409,
            "differs",
            f"The picture is enrolled with another {', '.join(differs)}. Send "
            "replace=true to change it",
            id=wish.entry_id,
        )
    if outcome != people.CREATED:
        response.status_code = 200
    return answers.Enrolled(outcome=outcome, id=wish.entry_id)


@router.get("/entries", summary="List entries")
async def listed(
    core: Core,
    after: Annotated[
        str, fastapi.Query(max_length=100, description="`next` of the page before.")
    ] = "",
    limit: Annotated[int, fastapi.Query(ge=1, le=1_000)] = 100,
    person_id: Annotated[
        str,
        fastapi.Query(max_length=256, description="All of this person's."),
    ] = "",
) -> answers.Entries:
    """The gallery page by page, or all entries of a person."""

    def work(gallery: people.People):
        if person_id:
            page = entries_lib.Page(tuple(gallery.of_person(person_id)), "")
        else:
            page = gallery.page(after, limit)
        return page, gallery.public_ids([known.entry_id for known in page.entries])

    try:
        page, names = await core.gallery(work)
    except ValueError as error:
        if not after:
            raise
        raise problems.Problem(
            422, "after", f"after={after!r}: no page said that; leave it out"
        ) from error
    return answers.Entries(
        entries=[_entry(known, names) for known in page.entries], next=page.next or None
    )


@router.delete("/entries/{entry_id:path}", summary="Remove an entry, for good")
async def remove(core: Core, caller: Caller, entry_id: EntryId) -> answers.Removed:
    """Removes entry, vector and picture: nothing of them stays on disk."""

    def work(gallery: people.People):
        return gallery.remove([gallery.private_id(entry_id)])

    core.audit.write(caller, "remove", id=entry_id)
    if not await core.changed(work):
        raise problems.Problem(404, "no_entry", "There is no such entry")
    return answers.Removed(removed=[entry_id])


@router.delete("/persons/{person_id:path}", summary="Remove a person, for good")
async def remove_person(
    core: Core, caller: Caller, person_id: EntryId
) -> answers.Removed:
    """Removes all entries of a person, with their vectors and pictures."""

    def work(gallery: people.People):
        names = gallery.public_ids(
            [known.entry_id for known in gallery.of_person(person_id)]
        )
        return [names.get(name, name) for name in gallery.remove_person(person_id)]

    core.audit.write(caller, "remove_person", person_id=person_id)
    removed = await core.changed(work)
    if not removed:
        raise problems.Problem(404, "no_person", "There is no entry of such a person")
    return answers.Removed(removed=removed)


@router.get(
    "/pictures/{entry_id:path}",
    summary="An entry's picture",
    response_class=fastapi.Response,
    responses={200: {"content": {"image/jpeg": {}, "image/png": {}}}},
)
async def picture(core: Core, caller: Caller, entry_id: EntryId) -> fastapi.Response:
    """The picture that the entry was enrolled of."""

    def work(gallery: people.People):
        return gallery.picture(gallery.private_id(entry_id))

    found = await core.gallery(work)
    if found is None:
        raise problems.Problem(404, "no_picture", "No picture of such an entry is kept")
    core.audit.write(caller, "picture", id=entry_id)
    kind = "image/png" if found.startswith(b"\x89PNG") else "image/jpeg"
    return fastapi.Response(
        found, media_type=kind, headers={"Cache-Control": "private, no-store"}
    )


@router.post("/compare", summary="Compare two images")
async def compare(
    core: Core,
    caller: Caller,
    probe: Image,
    enrolled: Image,
    probe_box: Box = "",
    enrolled_box: Box = "",
    false_accepts: FalseAccepts = None,
) -> answers.Comparison:
    """How alike the people on two images are; nothing is kept of them."""
    threshold, false_accepts = core.threshold(false_accepts)
    vectors, digests = [], []
    for name, image, box, kind in (
        ("probe", probe, probe_box, encoder_queue.PROBE),
        ("enrolled", enrolled, enrolled_box, encoder_queue.ENROLLED),
    ):
        boxes = [uploads.Box.parse(box)] if box else []
        pictures = await core.pictures(await image.read(), boxes, name)
        found, faults = await core.vectors(kind, pictures)
        if faults[0] is not None:
            raise problems.Problem(422, "image", f"{name}: {faults[0]}")
        vectors.append(found[0])
        digests.append(pictures[0].digest)
    score = core.scale * float(vectors[0] @ vectors[1])
    likeness = score / float(np.linalg.norm(vectors[0]))
    core.audit.write(caller, "compare", images=digests, likeness=likeness)
    return answers.Comparison(
        score=score,
        likeness=likeness,
        threshold=threshold,
        false_accepts=false_accepts,
        passes=None if threshold is None else likeness >= threshold,
    )


def _few(boxes: list[str], core: core.Core) -> list[str]:
    given = [text for text in boxes if text]
    if len(given) > core.options.images_per_request:
        raise problems.Problem(
            413,
            "too_large",
            f"{len(given):,} boxes, more than {core.options.images_per_request}",
        )
    return given


def _label(text: str) -> str | None:
    return text.strip() or None


def _aware(time: datetime.datetime | None) -> datetime.datetime | None:
    if time is None or time.tzinfo is not None:
        return time
    return time.replace(tzinfo=datetime.UTC)


def _hit(hit, rank, scale, length, threshold, names) -> answers.Hit:
    name, score = names.get(hit.entry_id, hit.entry_id), scale * hit.score
    likeness = score / length
    return answers.Hit(
        rank=rank,
        id=name,
        person_id=hit.person_id,
        camera_id=hit.metadata.get(people.CAMERA),
        seen_at=hit.metadata.get(people.SEEN),
        score=score,
        likeness=likeness,
        passes=None if threshold is None else likeness >= threshold,
        picture=_picture(name),
    )


def _entry(known: entries_lib.Known, names: dict[str, str]) -> answers.Entry:
    name = names.get(known.entry_id, known.entry_id)
    return answers.Entry(
        id=name,
        person_id=known.person_id,
        camera_id=known.metadata.get(people.CAMERA),
        seen_at=known.metadata.get(people.SEEN),
        enrolled_at=known.metadata.get(people.ENROLLED),
        picture=_picture(name),
    )


def _picture(name: str) -> str:
    return "/v1/pictures/" + urllib.parse.quote(name, safe="")
