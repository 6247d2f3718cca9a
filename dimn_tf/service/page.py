"""A page for a browser: search, enrol, name and remove, by the operations of /v1."""

from __future__ import annotations

import base64
import datetime
import hmac
import io
import pathlib
from typing import Annotated

import fastapi
import fastapi.responses
import fastapi.staticfiles
import fastapi.templating
import numpy as np
import PIL.Image

from dimn_tf import images
from dimn_tf.gallery import search_picture
from dimn_tf.service import access, enrolling, parameters, people, problems, searching

_HERE = pathlib.Path(__file__).parent
_TEMPLATES = fastapi.templating.Jinja2Templates(_HERE / "templates")
_SHOWN = 60  # Entries at a time.
_NAMES = 1_000  # That are proposed while one types.
_MAP_HEIGHT = 256  # Pixels.
_RUNTIMES = {"saved_model": "TensorFlow", "onnx": "ONNX Runtime"}

Text = Annotated[str, fastapi.Form(max_length=4096)]
router = fastapi.APIRouter(include_in_schema=False)


class PageRoute(fastapi.routing.APIRoute):
    """Problems as a piece of the page."""

    def get_route_handler(self):
        """See base class."""
        handle = super().get_route_handler()

        async def told(request):
            try:
                return await handle(request)
            except problems.Problem as problem:
                detail, status = problem.detail, problem.status
            except fastapi.exceptions.RequestValidationError as error:
                fault = error.errors()[0]
                detail, status = f"{fault['loc'][-1]}: {fault['msg']}", 422
                if fault["loc"][-1] == "image":  # A browser sends a file of no name.
                    detail = "Choose a photo first."
            return _TEMPLATES.TemplateResponse(
                request, "fault.html", {"detail": detail}, status_code=status
            )

        return told


pieces = fastapi.APIRouter(
    prefix="/page", include_in_schema=False, route_class=PageRoute
)


def install(app: fastapi.FastAPI) -> None:
    """Adds the page, and what it is made of, to an app."""
    app.include_router(router)
    app.include_router(pieces)
    static = fastapi.staticfiles.StaticFiles(directory=_HERE / "static")
    app.mount("/static", static, name="static")


@router.get("/")
async def page(request: fastapi.Request, core: parameters.Core):
    """The page, or the question for a token."""
    if not request.scope["state"]["known"]:
        return _TEMPLATES.TemplateResponse(request, "login.html", {})
    return _TEMPLATES.TemplateResponse(
        request,
        "page.html",
        {
            "entries": await core.gallery(len),
            "thresholds": core.thresholds(),
            "caller": request.scope["state"]["caller"].name,
            "named": bool(request.app.state.allowed.tokens),
            "runtime": _RUNTIMES[core.model.runtime],
            "model": core.model.sha256,
        },
    )


@router.post("/login")
async def login(request: fastapi.Request, token: Text):
    """Keeps a token in a cookie that scripts and other sites do not see."""
    tokens = request.app.state.allowed.tokens.values()
    right = [hmac.compare_digest(token.encode(), t.encode()) for t in tokens]
    if not any(right):
        return _TEMPLATES.TemplateResponse(
            request, "login.html", {"wrong": True}, status_code=401
        )
    answer = fastapi.responses.RedirectResponse("/", 303)
    answer.set_cookie(
        access.COOKIE,
        token,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return answer


@router.post("/logout")
async def logout():
    """Forgets the token."""
    answer = fastapi.responses.RedirectResponse("/", 303)
    answer.delete_cookie(access.COOKIE, httponly=True, samesite="strict")
    return answer


@pieces.post("/search")
async def search(
    request: fastapi.Request,
    core: parameters.Core,
    caller: parameters.Caller,
    image: parameters.Image,
    box: parameters.Box = "",
    k: Annotated[int, fastapi.Form(ge=1, le=100)] = 10,
    camera_id: parameters.Label = "",
    since: Text = "",
    until: Text = "",
    zone: Annotated[int, fastapi.Form(ge=-1_000, le=1_000)] = 0,
    false_accepts: parameters.FalseAccepts = None,
):
    """The hits."""
    found = await searching.search(
        core,
        caller,
        image,
        [box],
        k,
        True,
        [camera_id],
        _local(since, zone),
        _local(until, zone),
        false_accepts,
    )
    return _TEMPLATES.TemplateResponse(request, "found.html", found.model_dump())


@pieces.post("/why")
async def why(
    request: fastapi.Request,
    core: parameters.Core,
    caller: parameters.Caller,
    image: parameters.Image,
    entry_id: Text,
    box: parameters.Box = "",
):
    """Both images with their maps."""
    content = await image.read()
    await image.seek(0)
    found = await searching.explain(core, caller, image, entry_id, box)
    (probe,) = await core.pictures(content, parameters.boxes([box], 1))

    def work(gallery: people.People):
        return gallery.picture(gallery.private_id(entry_id))

    match = await core.gallery(work)
    maps = [np.array(found.probe_map), np.array(found.match_map)]
    shown = {
        name: _overlaid(file, shares)
        for name, file, shares in zip(
            ("probe", "match"), (probe.file, match), maps, strict=True
        )
    }
    return _TEMPLATES.TemplateResponse(
        request, "why.html", {**found.model_dump(), **shown}
    )


@pieces.post("/enrol")
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
        people.CREATED: "Enrolled.",
        people.THERE: "It is enrolled already.",
        people.REPLACED: "Changed.",
    }
    return await _said(request, core, words[done.outcome])


@pieces.get("/people")
async def listed(
    request: fastapi.Request,
    core: parameters.Core,
    person_id: Annotated[str, fastapi.Query(max_length=256)] = "",
    after: Annotated[str, fastapi.Query(max_length=100)] = "",
):
    """Entries with their pictures, and names to choose from."""
    found = await enrolling.listed(core, after, _SHOWN, person_id.strip())
    of_all = found
    if person_id and not after:  # What follows a page shows no names to choose from.
        of_all = await enrolling.listed(core, "", _NAMES, "")
    return _TEMPLATES.TemplateResponse(
        request,
        "people.html",
        {
            **found.model_dump(),
            "person": person_id,
            "more": bool(after),
            "persons": sorted({e.person_id for e in of_all.entries if e.person_id}),
            "cameras": sorted({e.camera_id for e in of_all.entries if e.camera_id}),
        },
    )


@pieces.post("/name")
async def name(
    request: fastapi.Request,
    core: parameters.Core,
    caller: parameters.Caller,
    entry_id: Text,
    person_id: parameters.Label,
):
    """Names an entry."""
    await enrolling.relabel(core, caller, entry_id, person_id, "")
    return await _said(request, core, f"Now {person_id.strip()}.")


@pieces.post("/remove")
async def remove(
    request: fastapi.Request,
    core: parameters.Core,
    caller: parameters.Caller,
    entry_id: Text,
):
    """Removes an entry."""
    await enrolling.remove(core, caller, entry_id)
    return await _said(request, core, "Removed for good.")


@pieces.post("/remove_person")
async def remove_person(
    request: fastapi.Request,
    core: parameters.Core,
    caller: parameters.Caller,
    person_id: Text,
):
    """Removes a person."""
    done = await enrolling.remove_person(core, caller, person_id)
    return await _said(request, core, f"{len(done.removed)} removed for good.")


async def _said(request, core, text: str):
    """A line, and that the gallery is another now."""
    return _TEMPLATES.TemplateResponse(
        request,
        "said.html",
        {"text": text, "entries": await core.gallery(len)},
        headers={"HX-Trigger-After-Settle": "gallery-changed"},
    )


def _local(text: str, zone: int) -> datetime.datetime | None:
    """A time as a browser's field gives it, `zone` minutes behind UTC.

    Raises:
        problems.Problem: it is none.
    """
    if not text:
        return None
    try:
        found = datetime.datetime.fromisoformat(text)
    except ValueError as error:
        raise problems.Problem(422, "time", f"{text[:40]!r} is no time") from error
    behind = datetime.timezone(datetime.timedelta(minutes=-zone))
    return found if found.tzinfo else found.replace(tzinfo=behind)


def _overlaid(file: bytes, shares: np.ndarray) -> str:
    """An image with its map, as an address that holds it."""
    picture = PIL.Image.fromarray(images.decoded(file))
    width = max(1, round(picture.width * _MAP_HEIGHT / picture.height))
    picture = picture.resize((width, _MAP_HEIGHT))
    limit = float(np.abs(shares).max()) or 1.0
    buffer = io.BytesIO()
    search_picture.overlay(picture, shares, limit).save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
