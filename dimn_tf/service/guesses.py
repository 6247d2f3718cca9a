"""How many tokens may be tried that are not the right one."""

from __future__ import annotations

import collections
import ipaddress
import time
from collections.abc import Callable

from dimn_tf.service import rates

MOST = 60
"""Wrong tokens of one place in a minute, at most; ours."""
_DAY = 86_400.0
_REMEMBERED = 10_000  # Tokens' names with places; the one longest unheard of goes.


class Guesses:
    """Whose a token is, while few wrong ones came from the same place.

    While too many did, a right token is answered as a wrong one is, so that the answer
    tells a guesser nothing. Those whose right token came from there within a day are
    let in all the same: somebody else behind their proxy, or a program that was left
    with an old token, would lock them out for as long as it goes on. So what limits
    guesses from elsewhere does not limit those at a token that is in use at the
    guesser's own address.

    Args:
        name_of: Gives a token's name; None: it is nobody's.
        per_minute: Wrong tokens of a place; more than `MOST` are `MOST`; 0: any number.
    """

    def __init__(self, name_of: Callable[[str], str | None], per_minute: int):
        self._name_of = name_of
        self._rates = rates.Rates(min(per_minute, MOST), "wrong tokens")
        self._let_in: collections.OrderedDict[tuple[str, str], float]
        self._let_in = collections.OrderedDict()

    def name_of(self, token: str, address: str, now: float | None = None) -> str | None:
        """Whose a token is; None: nobody's, or there is none.

        Args:
            token: Empty: none came, which is no guess.
            address: Whence it came.
            now: In seconds.

        Raises:
            problems.Problem: 429, too many wrong ones came from there.
        """
        if not token:
            return None
        now = time.monotonic() if now is None else now
        place, name = place_of(address), self._name_of(token)
        if name is None:
            self._rates.count(place, now)
            return None
        if now - self._let_in.pop((place, name), now - 2 * _DAY) > _DAY:
            self._rates.count(place, now, cost=0)
        self._let_in[place, name] = now
        if len(self._let_in) > _REMEMBERED:
            self._let_in.popitem(last=False)
        return name


def place_of(address: str) -> str:
    """Whose address one is: of IPv6, a caller has 2**64 of one network at least."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return f"{ipaddress.IPv6Address(found.packed[:8] + bytes(8))}/64"
