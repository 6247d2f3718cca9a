"""Who may ask: tokens, hosts and origins."""

from __future__ import annotations

import dataclasses
import hmac
import ipaddress
import pathlib
import re
from collections.abc import Callable, Iterable, Mapping

import starlette.requests
from absl import logging

from dimn_tf import errors, files
from dimn_tf.service import problems

COOKIE = "dimn_tf_token"
SHORTEST_TOKEN = 16
"""Letters of a token, at least; ours."""
_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
_NAME = re.compile(r"[\w.@-]{1,64}")
_CROSS = ("cross-site", "same-site")


def is_loopback(host: str) -> bool:
    """Whether an address to listen at is reached from this machine alone."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def in_address(host: str) -> str:
    """A host as it stands in an address: IPv6 in brackets."""
    return f"[{host}]" if ":" in host else host


class Addresses:
    """Addresses and networks, as a flag names them.

    Args:
        texts: Such as 127.0.0.1 or 10.0.0.0/8.

    Raises:
        ValueError: one is neither.
    """

    def __init__(self, texts: Iterable[str]):
        self._networks = [ipaddress.ip_network(text) for text in texts]

    def __contains__(self, address: str) -> bool:
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return False
        # Sockets of both protocols tell IPv4 addresses as ::ffff:127.0.0.1.
        same = {found, getattr(found, "ipv4_mapped", None) or found}
        return any(one in network for network in self._networks for one in same)


def with_mapped(texts: Iterable[str]) -> list[str]:
    """Addresses and networks, those of IPv4 also as IPv6 tells them: `::ffff:...`."""
    told = list(texts)
    for text in texts:
        network = ipaddress.ip_network(text)
        if network.version == 4:
            length = 96 + network.prefixlen
            told.append(f"::ffff:{network.network_address}/{length}")
    return told


def checked_proxies(texts: Iterable[str], tokens: Mapping[str, str]) -> tuple[str, ...]:
    """The proxies whose word is taken for where a caller is.

    Raises:
        errors.UserError: one is neither an address nor a network, or callers need no
            token though a proxy lets them in.
    """
    proxies = tuple(texts)
    for text in proxies:
        try:
            Addresses([text])
        except ValueError as error:
            raise errors.UserError(
                f"--trusted_proxy={text}: {error}. Expected the address, or the "
                "network, from which the proxy calls, such as 127.0.0.1 or 10.0.0.0/8"
            ) from error
    if proxies and not tokens:
        raise errors.UserError(
            f"--trusted_proxy={','.join(proxies)}: others reach the service through "
            "it, so callers need a token. Put one into the environment variable "
            "DIMN_TF_TOKEN, or name a --token_file"
        )
    return proxies


def read_tokens(path: pathlib.Path) -> dict[str, str]:
    """Tokens by name, of a file with a line `name token` for each.

    Raises:
        errors.UserError: it cannot be read, a line is none of that form, or two names
            have one token.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise errors.UserError(
            f"--token_file={path}: cannot be read ({error}). Expected a text file with "
            "a line `name token` for each caller"
        ) from error
    if files.open_to_others(path):
        logging.warning(
            "--token_file=%s: others on this machine can read it. chmod 600 it", path
        )
    tokens: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        name, _, token = line.strip().partition(" ")
        token = token.strip()
        if not _NAME.fullmatch(name) or not token or name in tokens:
            raise errors.UserError(
                f"--token_file={path}: line {number} is no `name token` with a name of "
                "its own (letters, digits and . @ _ -)"
            )
        checked_token(token, f"--token_file={path}: line {number}")
        for other, known in tokens.items():
            if token == known:
                raise errors.UserError(
                    f"--token_file={path}: line {number} gives {name} the token of "
                    f"{other}, so that nobody could tell who asks. Make one for each"
                )
        tokens[name] = token
    if not tokens:
        raise errors.UserError(
            f"--token_file={path}: it holds no line `name token`. Make a token: python "
            '-c "import secrets; print(secrets.token_urlsafe())"'
        )
    return tokens


def checked_token(token: str, where: str) -> str:
    """The token.

    Raises:
        errors.UserError: it is too short to be secret, or no plain text.
    """
    if len(token) < SHORTEST_TOKEN or not token.isascii() or not token.isprintable():
        raise errors.UserError(
            f"{where}: a token of {len(token)} characters; expected at least "
            f"{SHORTEST_TOKEN} plain ones. Make one: python -c "
            '"import secrets; print(secrets.token_urlsafe())"'
        )
    return token


@dataclasses.dataclass(frozen=True)
class Caller:
    """Who asks. As text, no token's name is like an address.

    Attributes:
        name: Of a token, or an address.
        by_token: Which of them.
    """

    name: str
    by_token: bool

    def __str__(self) -> str:
        return f"{'token' if self.by_token else 'address'}:{self.name}"


@dataclasses.dataclass(frozen=True)
class Access:
    """Who is let in.

    Attributes:
        tokens: By the name of who holds it; empty: everybody on this machine, which
            the service alone listens to.
        hosts: Without tokens, further names by which a browser may call the service.
    """

    tokens: Mapping[str, str] = dataclasses.field(default_factory=dict)
    hosts: tuple[str, ...] = ()

    def caller(
        self,
        headers: Mapping[str, str],
        address: str,
        open_path: bool,
        name_of: Callable[[str, str], str | None] | None = None,
    ) -> Caller:
        """Who asks.

        Args:
            headers: Of the request, names in lower case.
            address: Of the other end.
            open_path: Whether what is asked for needs no token.
            name_of: Takes the place of `name_of` below, with the address.

        Raises:
            problems.Problem: 401 without the right token, 403 where a browser was sent
                here by another site's page.
        """
        self._refuse_other_sites(headers)
        if not self.tokens:
            self._refuse_other_hosts(headers.get("host", ""))
            return Caller(address, by_token=False)
        given = _given(headers)
        name = name_of(given, address) if name_of else self.name_of(given)
        if name is None and not open_path:
            raise problems.Problem(
                401,
                "token",
                "No token, or not the right one: send Authorization: Bearer TOKEN",
                {"WWW-Authenticate": "Bearer"},
            )
        return Caller(name or address, by_token=name is not None)

    def name_of(self, given: str) -> str | None:
        """Whose a token is; None: nobody's."""
        found = None
        for name, token in self.tokens.items():  # All, so that time tells nothing.
            if hmac.compare_digest(token.encode(), given.encode()):
                found = name
        return found

    def _refuse_other_sites(self, headers: Mapping[str, str]) -> None:
        """A page of another site may not make a browser call this one."""
        site, mode = headers.get("sec-fetch-site"), headers.get("sec-fetch-mode")
        origin = headers.get("origin")
        host = headers.get("host", "")
        foreign = (
            origin is not None and origin.partition("://")[2].lower() != host.lower()
        )
        if foreign or (site in _CROSS and mode != "navigate"):
            raise problems.Problem(
                403, "origin", "Pages of other sites may not call this service"
            )

    def _refuse_other_hosts(self, host: str) -> None:
        """Another name for this machine may be a trick to get past the above."""
        name = host.rpartition(":")[0] if re.search(r":\d+$", host) else host
        if name.lower() not in {*_LOOPBACK, *map(str.lower, self.hosts)}:
            raise problems.Problem(
                403,
                "host",
                f"This service is not called {name[:80]!r}; call it localhost, or "
                "start it with a token",
            )


def _given(headers: Mapping[str, str]) -> str:
    """The token that a request carries; empty: none."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return token.strip()
    # Not `http.cookies`: what it dislikes of another app's cookie, which browsers send
    # along since cookies know no ports, loses the whole header.
    return starlette.requests.cookie_parser(headers.get("cookie", "")).get(COOKIE, "")
