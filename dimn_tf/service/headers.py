"""What a request's headers say, read as those who come after the guard read them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from python_multipart import multipart

from dimn_tf.service import problems

_ONCE = (
    "authorization",
    "content-length",
    "content-type",
    "host",
    "origin",
    "sec-fetch-mode",
    "sec-fetch-site",
)
"""Headers that say one thing: of two, one reader would take the first, another the
last."""
_UTF_8 = (b"utf-8", b"utf8")


def told(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Headers by their names in lower case.

    Several cookie headers are one (RFC 9113, 8.2.3): proxies may split them. Of others
    that came more than once the last is told, see `refuse_repeated`.

    Args:
        raw: By ASGI.
    """
    found: dict[str, str] = {}
    for name, value in raw:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        before = found.get(key) if key == "cookie" else None
        found[key] = text if before is None else f"{before}; {text}"
    return found


def refuse_repeated(raw: Iterable[tuple[bytes, bytes]]) -> None:
    """Refuses a header twice that says one thing.

    Raises:
        problems.Problem: 400.
    """
    seen = set()
    for name, _ in raw:
        key = name.decode("latin-1").lower()
        if key in _ONCE and key in seen:
            raise problems.Problem(
                400, "header", f"The header {key} came more than once; send it once"
            )
        seen.add(key)


def is_multipart(headers: Mapping[str, str]) -> bool:
    """Whether the body is a form that may carry files."""
    kind, _ = multipart.parse_options_header(headers.get("content-type", ""))
    return kind == b"multipart/form-data"


def refuse_charsets(headers: Mapping[str, str]) -> None:
    """Refuses other character sets: some take minutes to decode a megabyte.

    The charset is read by the form parser's own function: whatever else looks like one
    in the header, that is the one that would be decoded.

    Raises:
        problems.Problem: 415.
    """
    kind = headers.get("content-type", "")
    _, options = multipart.parse_options_header(kind)
    charset = options.get(b"charset", b"utf-8").lower()
    # Other releases of the parser read `charset*` and `charset*0` too.
    if charset not in _UTF_8 or "charset*" in "".join(kind.lower().split()):
        raise problems.Problem(
            415, "charset", "Text in a request has to be UTF-8, or name no charset"
        )
