"""Pieces of the page, which htmx asks for and puts in their places."""

from __future__ import annotations

import datetime
import pathlib
from typing import Annotated

import fastapi
import fastapi.templating

from dimn_tf.gallery import filters
from dimn_tf.service import problems

HERE = pathlib.Path(__file__).parent
TEMPLATES = fastapi.templating.Jinja2Templates(HERE / "templates")


def utc(text: str) -> str:
    """A time as metadata hold it, to the minute in UTC; another text as it is."""
    time = filters.parsed(text)
    try:
        told = time and time.astimezone(datetime.UTC).isoformat(" ", "minutes")
    except OverflowError:  # Before the year 1, or after 9999.
        return text
    return f"{told[:16]} UTC" if told else text


TEMPLATES.env.filters["utc"] = utc

Text = Annotated[str, fastapi.Form(max_length=4096)]


class PageRoute(fastapi.routing.APIRoute):
    """Problems as a piece of the page."""

    def get_route_handler(self):
        """See base class."""
        handle = super().get_route_handler()

        async def told(request):
            headers = {}
            try:
                return await handle(request)
            except problems.Problem as problem:
                detail, status = problem.detail, problem.status
                headers = problem.headers
            except fastapi.exceptions.RequestValidationError as error:
                fault = error.errors()[0]
                detail, status = f"{fault['loc'][-1]}: {fault['msg']}", 422
                if fault["loc"][-1] == "image":  # A browser sends a file of no name.
                    detail = "Choose a photo first."
            return TEMPLATES.TemplateResponse(
                request,
                "fault.html",
                {"detail": detail, "seconds": headers.get("Retry-After")},
                status_code=status,
                headers=headers,
            )

        return told


def router() -> fastapi.APIRouter:
    """Of pieces, below `/page`."""
    return fastapi.APIRouter(
        prefix="/page", include_in_schema=False, route_class=PageRoute
    )


async def said(request, core, text: str):
    """A line, and that the gallery is another now."""
    return TEMPLATES.TemplateResponse(
        request,
        "said.html",
        {"text": text, "entries": await core.entries()},
        headers={"HX-Trigger-After-Settle": "gallery-changed"},
    )
