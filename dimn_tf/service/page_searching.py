"""Pieces of the page that look for somebody: hits, and why one was found."""

from __future__ import annotations

import base64
import datetime
import functools
import io
from typing import Annotated

import fastapi
import numpy as np
import PIL.Image

from dimn_tf import images
from dimn_tf.gallery import search_picture
from dimn_tf.service import parameters, people, pieces, problems, searching

_MAP_HEIGHT = 256  # Pixels.

router = pieces.router()


@router.post("/search")
async def search(
    request: fastapi.Request,
    core: parameters.Core,
    caller: parameters.Caller,
    image: parameters.Image,
    box: parameters.Box = "",
    k: Annotated[int, fastapi.Form(ge=1, le=100)] = 10,
    camera_id: parameters.Label = "",
    since: pieces.Text = "",
    until: pieces.Text = "",
    false_accepts: parameters.FalseAccepts = None,
):
    """The hits."""
    first, last = _time(since), _time(until)
    found = await searching.search(
        core, caller, image, [box], k, True, [camera_id], first, last, false_accepts
    )
    # What "Why?" sends again: a hit is explained among those that it was found with.
    asked = {
        "camera_id": camera_id,
        "since": first.isoformat() if first else "",
        "until": last.isoformat() if last else "",
    }
    return pieces.TEMPLATES.TemplateResponse(
        request, "found.html", {**found.model_dump(), "asked": asked}
    )


@router.post("/why")
async def why(
    request: fastapi.Request,
    core: parameters.Core,
    caller: parameters.Caller,
    image: parameters.Image,
    entry_id: pieces.Text,
    box: parameters.Box = "",
    camera_id: parameters.Label = "",
    since: pieces.Text = "",
    until: pieces.Text = "",
):
    """Both images with their maps."""
    content = await image.read()
    await image.seek(0)
    found = await searching.explain(
        core,
        caller,
        image,
        entry_id,
        box,
        one_per_person=True,
        camera_id=[camera_id],
        since=_time(since),
        until=_time(until),
    )

    def work(gallery: people.People):
        return gallery.picture(gallery.private_id(entry_id))

    match = await core.gallery(work)
    if match is None:
        raise problems.Problem(404, "no_picture", "The entry was removed meanwhile")
    maps = [np.array(found.probe_map), np.array(found.match_map)]
    boxes = parameters.boxes([box], 1)
    async with core.encoding.pictures(content, boxes) as (probe,):
        shown = {
            name: await core.encoding.made_of(
                file, functools.partial(_overlaid, shares=shares)
            )
            for name, file, shares in zip(
                ("probe", "match"), (probe.file, match), maps, strict=True
            )
        }
    return pieces.TEMPLATES.TemplateResponse(
        request, "why.html", {**found.model_dump(), **shown}
    )


def _time(text: str) -> datetime.datetime | None:
    """A time as the page sends it: ISO 8601, in UTC where no zone is told.

    Raises:
        problems.Problem: it is none.
    """
    if not text:
        return None
    try:
        return parameters.aware(datetime.datetime.fromisoformat(text))
    except ValueError as error:
        raise problems.Problem(422, "time", f"{text[:40]!r} is no time") from error


def _overlaid(file: bytes, shares: np.ndarray) -> str:
    """An image with its map, as an address that holds it."""
    picture = PIL.Image.fromarray(images.decoded(file))
    width = max(1, round(picture.width * _MAP_HEIGHT / picture.height))
    picture = picture.resize((width, _MAP_HEIGHT))
    limit = float(np.abs(shares).max()) or 1.0
    buffer = io.BytesIO()
    search_picture.overlay(picture, shares, limit).save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
