"""The paper's Fig. 3: probes beside their ranked galleries, true matches framed.

Pictures of real people belong into the work directory and nowhere else.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence

import numpy as np

from dimn_tf import tiles
from dimn_tf.evaluation import evaluator
from dimn_tf.evaluation.protocols import resolved_trial


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
    trial: resolved_trial.ResolvedTrial,
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


def paint(
    rows: Sequence[RankedProbe],
    records: resolved_trial.Records,
    path: str | os.PathLike,
    title: str,
) -> None:
    """Paints a row for each probe: green frames are true matches, red ones are not.

    Beneath each gallery image stands its score, beneath the probe the rank of its
    best true match.
    """
    columns = max(len(row.gallery) for row in rows)
    pictured = []
    for row in rows:
        probe, *gallery = records.encoded_images([row.probe, *row.gallery])
        rank = f"rank {row.first_match_rank}" if row.first_match_rank else "none"
        line = [tiles.Tile(probe, beneath=[f"match: {rank}"])]
        for k, encoded in enumerate(gallery):
            match = bool(row.matches[k])
            line.append(
                tiles.Tile(
                    encoded,
                    frame=tiles.RIGHT if match else tiles.WRONG,
                    wide=match,
                    beneath=[f"{row.scores[k]:.4g}"],
                    colour=tiles.RIGHT if match else tiles.INK,
                )
            )
        pictured.append(line)
    heads = ["probe", *(str(k + 1) for k in range(columns))]
    tiles.paint(pictured, heads, path, [title])
