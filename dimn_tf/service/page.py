"""A page for a browser: search, enrol, name and remove, by the operations of /v1."""

from __future__ import annotations

import fastapi
import fastapi.responses
import fastapi.staticfiles

from dimn_tf.service import access, page_people, page_searching, parameters, pieces

_RUNTIMES = {"saved_model": "TensorFlow", "onnx": "ONNX Runtime"}

router = fastapi.APIRouter(include_in_schema=False)


def install(app: fastapi.FastAPI) -> None:
    """Adds the page, and what it is made of, to an app."""
    app.include_router(router)
    app.include_router(page_searching.router)
    app.include_router(page_people.router)
    static = fastapi.staticfiles.StaticFiles(directory=pieces.HERE / "static")
    app.mount("/static", static, name="static")


@router.get("/")
async def page(request: fastapi.Request, core: parameters.Core):
    """The page, or the question for a token."""
    if not request.scope["state"]["known"]:
        return pieces.TEMPLATES.TemplateResponse(request, "login.html", {})
    return pieces.TEMPLATES.TemplateResponse(
        request,
        "page.html",
        {
            "entries": await core.entries(),
            "largest_k": core.options.largest_k,
            "thresholds": core.encoding.thresholds(),
            "caller": request.scope["state"]["caller"].name,
            "named": bool(request.app.state.allowed.tokens),
            "runtime": _RUNTIMES[core.model.runtime],
            "model": core.model.sha256,
        },
    )


@router.post("/login")
async def login(request: fastapi.Request, token: pieces.Text):
    """Keeps a token in a cookie that scripts and other sites do not see."""
    if request.scope["state"]["name_of"](token) is None:
        return pieces.TEMPLATES.TemplateResponse(
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
