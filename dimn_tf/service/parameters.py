"""What requests carry: images, boxes, labels, times; and who asks."""

from __future__ import annotations

import datetime
import urllib.parse
from typing import Annotated

import fastapi
import fastapi.security

from dimn_tf.service import access, core, problems, uploads

TOKEN = [
    fastapi.Security(
        fastapi.security.HTTPBearer(
            scheme_name="token",
            description="Authorization: Bearer TOKEN. A service that only its own "
            "machine reaches may need none.",
            auto_error=False,
        )
    ),
    fastapi.Security(
        fastapi.security.APIKeyCookie(
            name=access.COOKIE,
            scheme_name="cookie",
            description="The page's own, which `/login` sets.",
            auto_error=False,
        )
    ),
]
"""Says in an operation's description what `guard` has looked at already."""

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
Label = Annotated[
    str,
    fastapi.Form(max_length=256, description="White space around it does not count."),
]
OnePerPerson = Annotated[
    bool, fastapi.Form(description="Of several entries of a person, the best.")
]
Cameras = Annotated[
    list[str], fastapi.Form(description="Entries of these cameras alone.")
]
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
_PERSON = "White space around it does not count, unless a person is named like that."
Person = Annotated[str, fastapi.Path(max_length=4096, description=_PERSON)]
OfPerson = Annotated[
    str,
    fastapi.Query(max_length=4096, description=f"This person's alone. {_PERSON}"),
]


def _core(request: fastapi.Request) -> core.Core:
    return request.app.state.core


def _caller(request: fastapi.Request) -> str:
    return str(request.scope["state"]["caller"])


Core = Annotated[core.Core, fastapi.Depends(_core)]
Caller = Annotated[str, fastapi.Depends(_caller)]


def boxes(texts: list[str], most: int) -> list[uploads.Box]:
    """Boxes of a form's fields; empty ones are none.

    Raises:
        problems.Problem: more than `most`, or a text that is no box.
    """
    given = [text for text in texts if text]
    if len(given) > most:
        raise problems.Problem(
            413, "too_large", f"{len(given):,} boxes, more than {most}"
        )
    return [uploads.Box.parse(text) for text in given]


def aware(time: datetime.datetime | None) -> datetime.datetime | None:
    """A time with its time zone: UTC where none is told.

    Raises:
        problems.Problem: 422: in UTC it is before the year 1 or after 9999.
    """
    if time is None:
        return time
    try:
        return (time if time.tzinfo else time.replace(tzinfo=datetime.UTC)).astimezone(
            datetime.UTC
        )
    except OverflowError as error:
        raise problems.Problem(422, "time", "A time is out of range") from error


def picture_of(name: str) -> str:
    """Where an entry's picture is."""
    return "/v1/pictures/" + urllib.parse.quote(name, safe="")
