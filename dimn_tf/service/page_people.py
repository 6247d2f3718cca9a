"""Pieces of the page that change and show the gallery: enrol, list, name, remove."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import fastapi

from dimn_tf.gallery import names
from dimn_tf.service import enrolling, parameters, pieces, wishes

_SHOWN = 60  # Entries at a time.
_NAMES = 1_000  # That are proposed while one types.

router = pieces.router()


@router.post("/enrol")
async def enrol(
    request: fastapi.Request,
    core: parameters.Core,
    caller: parameters.Caller,
    image: parameters.Image,
    box: parameters.Box = "",
    person_id: parameters.Label = "",
    camera_id: parameters.Label = "",
    replace: Annotated[bool, fastapi.Form()] = False,
):
    """What an enrolment came to."""
    done = await enrolling.enrol(
        core,
        caller,
        fastapi.Response(),
        image,
        box,
        person_id,
        camera_id,
        None,
        replace,
    )
    words = {
        wishes.CREATED: "Enrolled.",
        wishes.THERE: "It is enrolled already.",
        wishes.REPLACED: "Changed.",
    }
    return await pieces.said(request, core, words[done.outcome])


@router.get("/people")
async def listed(
    request: fastapi.Request,
    core: parameters.Core,
    caller: parameters.Caller,
    person_id: parameters.OfPerson = "",
    after: Annotated[str, fastapi.Query(max_length=100)] = "",
    count: Annotated[int, fastapi.Query(ge=0)] = 0,
):
    """Entries with their pictures, and names to choose from.

    A list that is made anew shows no fewer than the `count` that it showed before.
    """
    limit = min(max(count, _SHOWN), _NAMES)
    found = await enrolling.listed(core, caller, after, limit, person_id)
    of_all = found
    if person_id and not after:  # What follows a page shows no names to choose from.
        of_all, _ = await enrolling.page_of(core, "", _NAMES, "")
    return pieces.TEMPLATES.TemplateResponse(
        request,
        "people.html",
        {
            **found.model_dump(),
            "person": person_id,
            "more": bool(after),
            "persons": _to_choose_from(e.person_id for e in of_all.entries),
            "cameras": _to_choose_from(e.camera_id for e in of_all.entries),
        },
    )


def _to_choose_from(found: Iterable[str | None]) -> list[str]:
    """The names among an older gallery's, each once and in its one spelling."""
    return sorted({names.one(name) for name in found if name})


@router.post("/name")
async def name(
    request: fastapi.Request,
    core: parameters.Core,
    caller: parameters.Caller,
    entry_id: pieces.Text,
    person_id: parameters.Label,
):
    """Names an entry."""
    done = await enrolling.relabel(core, caller, entry_id, person_id, "")
    return await pieces.said(request, core, f"Now {done.person_id or 'no name'}.")


@router.post("/remove")
async def remove(
    request: fastapi.Request,
    core: parameters.Core,
    caller: parameters.Caller,
    entry_id: pieces.Text,
):
    """Removes an entry."""
    await enrolling.remove(core, caller, entry_id)
    return await pieces.said(request, core, "Removed for good.")


@router.post("/remove_person")
async def remove_person(
    request: fastapi.Request,
    core: parameters.Core,
    caller: parameters.Caller,
    person_id: pieces.Text,
):
    """Removes a person."""
    done = await enrolling.remove_person(core, caller, person_id)
    return await pieces.said(request, core, f"{len(done.removed)} removed for good.")
