"""The picture of a search: the probe, its ranked matches, and why they were found."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Sequence

import numpy as np
import PIL.Image

from dimn_tf import tiles
from dimn_tf.evaluation import measures
from dimn_tf.gallery import explanation

_SCALE = 2  # Times the usual size of a tile.
_LETTERS = 18  # In a line beneath a tile.
_ADDS, _TAKES = np.array([178, 24, 43]), np.array([33, 102, 172])
_STRONGEST = 0.6  # Opacity of the largest share.
_FAINTEST = 0.01  # A row's strongest colour, least share of the other row's.


def paint(
    probe: bytes,
    found: Sequence[explanation.Found],
    path: str | os.PathLike,
    title: str,
    threshold: float | None = None,
    threshold_name: str = "",
    explain: bool = False,
    others: int | None = None,
) -> None:
    """Paints the probe and its matches, best first; with `explain`, two rows of maps.

    Args:
        probe: Image file.
        found: Best first.
        path: Of the PNG.
        title: Above it.
        threshold: Matches of at least this likeness are framed in green.
        threshold_name: What it stands for.
        explain: Whether the maps of `found` are shown.
        others: How many entries their margins are against (`Others.count`); None: the
            maps are of the scores.
    """
    lines = [title]
    if threshold is not None:
        lines.append(
            f"likeness threshold {threshold:.4f} ({threshold_name}): green frames are "
            "at or above it"
        )
    rows = [[tiles.Tile(probe), *(_match(row, threshold) for row in found)]]
    if explain:
        lines += _said_of_maps(others, len(found))
        of_probe, of_match = _limits(found, others)
        rows.append([_label("where in\nthe probe")])
        rows.append([_label("where in\nthe match")])
        for row in found:
            rows[1].append(_map(row, probe, row.probe_map, of_probe))
            rows[2].append(_map(row, row.image, row.gallery_map, of_match))
    heads = ["probe", *(str(rank) for rank in range(1, len(found) + 1))]
    tiles.paint(rows, heads, path, lines, _SCALE)


def _said_of_maps(others: int | None, shown: int) -> list[str]:
    held = "(with the vectors' lengths held constant)"
    if others is None:
        return [
            "red adds to the score, blue takes away; a map adds up to the score " + held
        ]
    behind = shown > others
    if others < 2 and not behind:
        return [
            "there is no other entry to tell this one from: the margin is 0, and "
            "nothing in the probe speaks for it or against"
        ]
    best = "the best entry" if others == 1 else f"the {others:,} best entries"
    best += " (behind it: and itself)" if behind and others == 1 else ""
    best += " (behind them: and itself)" if behind and others > 1 else ""
    return [
        f"red speaks for this one rather than the mean of {best}, blue against; each "
        "row has its own strongest colour",
        f"a map adds up to the margin, the score less those entries' mean score {held}",
    ]


def overlay(
    image: PIL.Image.Image, shares: np.ndarray, limit: float
) -> PIL.Image.Image:
    """A heat map over an image in grey: red for shares above 0, blue for those below.

    Args:
        image: Of any size.
        shares: Real [rows, columns], over the whole image.
        limit: The share, > 0, that has the strongest colour.
    """
    field = PIL.Image.fromarray(shares.astype(np.float32))
    field = np.asarray(field.resize(image.size, PIL.Image.Resampling.BILINEAR))
    strength = _STRONGEST * np.clip(np.abs(field) / limit, 0, 1)[..., np.newaxis]
    colour = np.where(field[..., np.newaxis] >= 0, _ADDS, _TAKES)
    grey = np.asarray(image.convert("L").convert("RGB"), np.float32)
    mixed = (1 - strength) * grey + strength * colour
    return PIL.Image.fromarray(mixed.round().astype(np.uint8))


def _limits(
    found: Sequence[explanation.Found], others: int | None
) -> tuple[float, float]:
    """The shares of the strongest colour, in the probe's maps and in the matches'.

    One for both where the maps are of scores. A margin's shares are far smaller in the
    probe, where others take away place by place, than in the match, where they do
    evenly: each has its own, unless rounding is all that one of them shows.
    """
    probe = _largest([row.probe_map for row in found])
    match = _largest([row.gallery_map for row in found])
    least = max(probe, match) * (1.0 if others is None else _FAINTEST)
    return max(probe, least), max(match, least)


def _largest(maps: Sequence[np.ndarray | None]) -> float:
    there = [float(np.abs(shares).max()) for shares in maps if shares is not None]
    return max([*there, float(np.finfo("f").tiny)])


def _match(row: explanation.Found, threshold: float | None) -> tiles.Tile:
    hit = row.hit
    likeness = f"likeness {row.likeness:.4f}"
    frame, above = tiles.INK, False
    if threshold is not None:
        above = measures.reaches(row.likeness, threshold)
        frame = tiles.RIGHT if above else tiles.PLAIN
        likeness += " above" if above else " below"
    beneath = [
        f"score {hit.score:.4g}",
        *([] if row.margin is None else [f"margin {round(row.margin, 4) + 0.0:+.4g}"]),
        likeness,
        _short(hit.person_id or hit.entry_id),
    ]
    return tiles.Tile(
        row.image,
        frame,
        above,
        beneath,
        tiles.RIGHT if above else tiles.INK,
        "" if row.image else _wrapped(row.missing),
    )


def _map(row, image: bytes | None, shares, limit: float) -> tiles.Tile:
    if shares is None or image is None:
        return tiles.Tile(None, tiles.PLAIN, inside=_wrapped(row.missing))
    width, height = tiles.SIZE
    picture = tiles.opened(image, (_SCALE * width, _SCALE * height))
    return tiles.Tile(overlay(picture, shares, limit), tiles.PLAIN)


def _label(text: str) -> tiles.Tile:
    return tiles.Tile(None, None, inside=text)


def _wrapped(text: str) -> str:
    return "\n".join(textwrap.wrap(text, _LETTERS)[:6])


def _short(text: str) -> str:
    return text if len(text) <= _LETTERS else "..." + text[3 - _LETTERS :]
