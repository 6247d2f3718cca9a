"""The paper's Fig. 3: probes beside their ranked galleries, true matches framed.

Pictures of real people belong into the work directory and nowhere else.
"""

from __future__ import annotations

import dataclasses
import io
import os
from collections.abc import Sequence

import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont

from dimn_tf import files
from dimn_tf.evaluation import evaluator, trials

_TILE = (64, 128)  # width, height of an image in the picture
_FRAME, _GAP, _TEXT, _MARGIN, _HEAD = 5, 10, 18, 14, 46
_THIN = 2  # frame of what is no match; true matches have the whole of _FRAME
_RIGHT, _WRONG = "#1A9850", "#D73027"
_INK, _PAPER = "#222222", "#FFFFFF"


@dataclasses.dataclass(frozen=True)
class RankedProbe:
    """A row of the picture: a probe and the best of its gallery.

    Attributes:
      probe: its position in the records.
      gallery: positions of the K gallery images with the highest scores, best first.
      scores: their scores [K].
      matches: bool [K], which of them are of the probe's identity.
      first_match_rank: rank of the best true match in the whole gallery; 0: it holds
        none.
    """

    probe: int
    gallery: np.ndarray
    scores: np.ndarray
    matches: np.ndarray
    first_match_rank: int


def ranked_probes(
    scoring: evaluator.Scoring,
    features: evaluator.Features,
    trial: trials.Trial,
    count: int = 8,
    top: int = 10,
) -> list[RankedProbe]:
    """The best of the gallery for probes spread evenly over a trial.

    The probes are chosen by their place in the trial, whatever their result; images
    that the camera rule ignores are left out.
    """
    count = min(count, len(trial.probe_ids))
    chosen = np.linspace(0, len(trial.probe_ids) - 1, count).round().astype(int)
    scores = scoring.score(
        scoring.probes[features.rows(trial.probe_indices[chosen])],
        scoring.gallery[features.rows(trial.gallery_indices)],
    )
    rows = []
    for probe, row in zip(chosen, scores, strict=True):
        order = np.argsort(-row.astype(np.float64), kind="stable")
        same = trial.gallery_ids[order] == trial.probe_ids[probe]
        if trial.probe_cameras is not None:
            ignored = trial.gallery_cameras[order] == trial.probe_cameras[probe]
            keep = ~(same & ignored)
            order, same = order[keep], same[keep]
        rows.append(
            RankedProbe(
                int(trial.probe_indices[probe]),
                trial.gallery_indices[order[:top]],
                row[order[:top]],
                same[:top],
                int(np.argmax(same)) + 1 if same.any() else 0,
            )
        )
    return rows


def draw(
    rows: Sequence[RankedProbe],
    records: trials.Records,
    path: str | os.PathLike,
    title: str,
) -> None:
    """Draws a row for each probe: green frames are true matches, red ones are not.

    Beneath each gallery image stands its score, beneath the probe the rank of its
    best true match.
    """
    tile_width, tile_height = _TILE
    step_x, step_y = tile_width + 2 * _FRAME + _GAP, tile_height + 2 * _FRAME + _TEXT
    columns = max(len(row.gallery) for row in rows)
    probe_gap = 2 * _GAP
    width = 2 * _MARGIN + step_x * (columns + 1) + probe_gap
    height = 2 * _MARGIN + _HEAD + (step_y + _GAP) * len(rows)
    canvas = PIL.Image.new("RGB", (width, height), _PAPER)
    pen = PIL.ImageDraw.Draw(canvas)
    pen.text((_MARGIN, _MARGIN), title, _INK, PIL.ImageFont.load_default(16))
    font = PIL.ImageFont.load_default(12)

    def middle(column: int) -> int:
        left = _MARGIN + column * step_x + (probe_gap if column else 0)
        return left + _FRAME + tile_width // 2

    def place(encoded: bytes, column: int, top: int, frame: str, wide: int) -> None:
        left = middle(column) - tile_width // 2
        box = (left, top, left + tile_width - 1, top + tile_height - 1)
        grow = (-wide, -wide, wide, wide)
        pen.rectangle([b + g for b, g in zip(box, grow, strict=True)], frame)
        image = PIL.Image.open(io.BytesIO(encoded)).convert("RGB").resize(_TILE)
        canvas.paste(image, (left, top))

    def write(column: int, top: int, text: str, colour: str) -> None:
        pen.text((middle(column), top), text, colour, font, anchor="ms")

    for column in range(columns + 1):
        write(column, _MARGIN + _HEAD - 10, str(column) if column else "probe", _INK)
    for i, row in enumerate(rows):
        top = _MARGIN + _HEAD + i * (step_y + _GAP)
        beneath = top + tile_height + _FRAME + 13
        probe, *gallery = records.encoded_images([row.probe, *row.gallery])
        place(probe, 0, top, _INK, _THIN)
        rank = f"rank {row.first_match_rank}" if row.first_match_rank else "none"
        write(0, beneath, f"match: {rank}", _INK)
        for k, encoded in enumerate(gallery):
            match = row.matches[k]
            place(
                encoded, k + 1, top, *((_RIGHT, _FRAME) if match else (_WRONG, _THIN))
            )
            write(k + 1, beneath, f"{row.scores[k]:.4g}", _RIGHT if match else _INK)
    with files.replacing(path) as partial:
        canvas.save(partial, "PNG")
