"""Operations on the gallery's entries: enrol, list, name, show, remove."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Annotated

import fastapi

from dimn_tf import images
from dimn_tf.gallery import entries as entries_lib
from dimn_tf.gallery import filters
from dimn_tf.service import (
    answers,
    encoder_queue,
    labels,
    parameters,
    people,
    problems,
    thumbnails,
    wishes,
)

router = fastapi.APIRouter(
    prefix="/v1", responses=problems.RESPONSES, dependencies=parameters.TOKEN
)


@router.post(
    "/entries",
    summary="Enrol the person on an image",
    status_code=201,
    responses={
        200: {"model": answers.Enrolled, "description": "It is there already."},
        **problems.responses(409),
    },
)
async def enrol(
    core: parameters.Core,
    caller: parameters.Caller,
    response: fastapi.Response,
    image: parameters.Image,
    box: parameters.Box = "",
    person_id: parameters.Label = "",
    camera_id: parameters.Label = "",
    seen_at: parameters.Time = None,
    replace: Annotated[
        bool, fastapi.Form(description="Whether other labels take the place of those.")
    ] = False,
) -> answers.Enrolled:
    """Adds an entry; what is answered with 2xx is on disk.

    An entry is known by its picture's content: enrolled again, it stays one.
    """
    boxes = parameters.boxes([box], 1)
    seen = parameters.aware(seen_at)
    async with core.encoding.pictures(await image.read(), boxes) as (picture,):
        wish = wishes.Wish(
            f"sha256-{picture.digest}",
            labels.label(person_id),
            labels.label(camera_id),
            None if seen is None else wishes.text_of(seen, "auto"),
            b"",
            replace,
        )
        now = datetime.datetime.now(datetime.UTC)
        outcome, differs = await core.gallery(people.People.enrol, wish, None, now)
        needed = outcome in (wishes.CREATED, wishes.REPLACED)
        if needed:
            vectors, faults = await core.encoding.vectors(
                encoder_queue.ENROLLED, [picture]
            )
            if faults[0] is not None:
                raise problems.Problem(422, "image", f"image: {faults[0]}")
            if core.options.keep_pictures:
                small = await core.encoding.made_of(picture.file, thumbnails.made)
                wish = dataclasses.replace(wish, picture=small)
        del picture
    if needed:
        core.record(
            caller, "enrol", id=wish.entry_id, person_id=wish.person_id, replace=replace
        )
        outcome, differs = await core.changed(
            people.People.enrol, wish, vectors[0], now
        )
    if outcome == wishes.DIFFERS:
        raise problems.Problem(
            409,
            "differs",
            f"The picture is enrolled with another {', '.join(differs)}. Send "
            "replace=true to change it",
            id=wish.entry_id,
        )
    if outcome != wishes.CREATED:
        response.status_code = 200
    return answers.Enrolled(outcome=outcome, id=wish.entry_id)


@router.get("/entries", summary="List entries")
async def listed(
    core: parameters.Core,
    caller: parameters.Caller,
    after: Annotated[
        str, fastapi.Query(max_length=100, description="`next` of the page before.")
    ] = "",
    limit: Annotated[int, fastapi.Query(ge=1, le=1_000)] = 100,
    person_id: parameters.OfPerson = "",
) -> answers.Entries:
    """The gallery, or a person's entries, page by page."""
    found, person = await page_of(core, after, limit, person_id)
    core.record(caller, "list", person_id=person)
    return found


async def page_of(
    core, after: str, limit: int, person_id: str
) -> tuple[answers.Entries, str | None]:
    """A page of entries, of which the audit log is told nothing, and whose they are.

    Raises:
        problems.Problem: 422, no page said `after`.
    """

    def work(gallery: people.People):
        person = gallery.person(person_id)
        page = gallery.page(after, limit, person)
        names = gallery.public_ids([known.entry_id for known in page.entries])
        return page, names, person

    try:
        page, names, person = await core.gallery(work)
    except entries_lib.NoPage as error:
        raise problems.Problem(
            422, "after", f"after={after!r}: no page said that; leave it out"
        ) from error
    entries = [_entry(known, names) for known in page.entries]
    return answers.Entries(entries=entries, next=page.next or None), person


@router.patch(
    "/entries/{entry_id:path}",
    summary="Name an entry",
    responses=problems.responses(404),
)
async def relabel(
    core: parameters.Core,
    caller: parameters.Caller,
    entry_id: parameters.EntryId,
    person_id: parameters.Label = "",
    camera_id: parameters.Label = "",
) -> answers.Entry:
    """Gives an entry another person or camera; what is left out stays."""

    def work(gallery: people.People):
        name = gallery.private_id(entry_id)
        known = gallery.relabel(name, labels.label(person_id), labels.label(camera_id))
        return known, gallery.public_ids([name])

    core.record(caller, "relabel", id=entry_id, person_id=labels.label(person_id))
    known, names = await core.changed(work)
    if known is None:
        raise problems.Problem(404, "no_entry", "There is no such entry")
    return _entry(known, names)


@router.delete(
    "/entries/{entry_id:path}",
    summary="Remove an entry, for good",
    responses=problems.responses(404),
)
async def remove(
    core: parameters.Core, caller: parameters.Caller, entry_id: parameters.EntryId
) -> answers.Removed:
    """Removes entry, vector and picture, and overwrites what was on disk of them."""

    def work(gallery: people.People):
        return gallery.remove([gallery.private_id(entry_id)])

    core.record(caller, "remove", id=entry_id)
    if not await core.changed(work):
        raise problems.Problem(404, "no_entry", "There is no such entry")
    return answers.Removed(removed=[entry_id])


@router.delete(
    "/persons/{person_id:path}",
    summary="Remove a person, for good",
    responses=problems.responses(404),
)
async def remove_person(
    core: parameters.Core, caller: parameters.Caller, person_id: parameters.Person
) -> answers.Removed:
    """Removes all entries of a person, with their vectors and pictures."""
    person = await core.gallery(people.People.person, person_id)

    def work(gallery: people.People):
        if person is None:
            return []
        names = gallery.public_ids(gallery.entries_of(person))
        return [names.get(name, name) for name in gallery.remove_person(person)]

    core.record(caller, "remove_person", person_id=person)
    removed = await core.changed(work)
    if not removed:
        # Where another process removed them, nobody knows whose pictures are kept.
        await core.look_for_gone()
        raise problems.Problem(404, "no_person", "There is no entry of such a person")
    return answers.Removed(removed=removed)


@router.get(
    "/pictures/{entry_id:path}",
    summary="An entry's picture",
    response_class=fastapi.Response,
    responses={
        200: {"content": {"image/jpeg": {}}},
        **problems.responses(404),
    },
)
async def picture(
    core: parameters.Core, caller: parameters.Caller, entry_id: parameters.EntryId
) -> fastapi.Response:
    """A small picture of the entry, at most 256 pixels high and without metadata."""

    def work(gallery: people.People):
        return gallery.picture(gallery.private_id(entry_id))

    found = await core.gallery(work)
    if found is None:
        raise problems.Problem(404, "no_picture", "No picture of such an entry is kept")
    try:
        small = await core.encoding.made_of(found, _shown)
    except images.ImageFault as fault:
        raise problems.Problem(
            404, "no_picture", "The entry's picture cannot be read any more"
        ) from fault
    core.record(caller, "picture", id=entry_id)
    return fastapi.Response(
        small,
        media_type="image/jpeg",
        headers={"Cache-Control": "private, no-store"},
    )


def _shown(file: bytes) -> bytes:
    """What is shown of a file of which nobody has looked whether it is whole."""
    checked = images.checked(file, compression=images.READ_AT_ONCE)
    return thumbnails.shown(checked)


def _entry(known: entries_lib.Known, names: dict[str, str]) -> answers.Entry:
    name = names.get(known.entry_id, known.entry_id)
    return answers.Entry(
        id=name,
        person_id=known.person_id,
        camera_id=filters.text_of(known.metadata, filters.CAMERA),
        seen_at=filters.text_of(known.metadata, filters.SEEN),
        enrolled_at=filters.text_of(known.metadata, filters.ENROLLED),
        picture=parameters.picture_of(name),
    )
