"""What a model's export says about itself, for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dimn_tf.evaluation import paper_results, seen_in_training, table

OWN, UNKNOWN = "own", "unknown"
"""Roles in `source_roles`: of a user's own data, and of what nothing tells of."""
_RENDERED = "synthetic"
_LIMITS = """\
A score says that two crops look alike, clothes first of all. It is a proposal for a
human who looks at the images, not an identification. Error rates for cameras, clothing
and groups of people that the sources do not show are unknown: measure them before any
use. Re-identification watches people: have a legal basis, tell them, and keep no more
than needed.
"""


def model_card(metadata: Mapping[str, Any]) -> str:
    """The text of model_card.md.

    Args:
        metadata: As metadata.json holds it; see `experiments.export`. Without
            `source_roles` all sources are taken for published ones.
    """
    roles = metadata.get("source_roles", ["source"])
    size = f"{metadata['input_height']}x{metadata['input_width']}"
    flags = metadata["flags"]
    lines = [
        f"# {metadata['method']}, version {metadata['version']}",
        "",
        "Person re-identification: ranks crops of people by likeness, trained on the "
        f"sources below{_trained(roles)}.",
        "",
        "| | |",
        "| --- | --- |",
        f"| method | {metadata['method']} |",
        f"| encoder | {_encoder(flags)} |",
        f"| input | RGB, 0..255, any size; resized to {size} inside |",
        f"| dimension of its vectors | {metadata['dimension']:,} |",
        f"| sources | {', '.join(flags['sources'])} |",
        *(
            f"| before, by --init_from | {_sources(sources)} |"
            for sources in metadata.get("trained_before", ())
        ),
        f"| training identities C | {metadata['num_identities']:,} |",
        f"| training steps | {metadata['step']:,} |",
        f"| formats | {', '.join(metadata['formats'])} |",
        f"| checkpoint, SHA-256 | `{metadata['checkpoint_sha256']}` |",
        "",
        "## Results",
        "",
        *(_of_another_step(metadata, "results") or _results(metadata.get("results"))),
        "",
        "## Thresholds",
        "",
        *(
            _of_another_step(metadata, "thresholds")
            or _thresholds(metadata.get("thresholds"))
        ),
        "",
        "## Licence",
        "",
        f"The code is under the Apache License 2.0. {_terms(roles)}:",
        "",
        *(f"* {line}" for line in metadata["licences"]),
        "",
        "## Limits",
        "",
        _LIMITS,
        "## Versions",
        "",
        *(f"* {name} {version}" for name, version in metadata["versions"].items()),
        "",
        "All flags of the training run: metadata.json.",
        "",
    ]
    return "\n".join(lines)


def _trained(roles: Sequence[str]) -> str:
    """Whether it can have seen the place where it is used."""
    told = ", own crops among them" if OWN in roles else ""
    if UNKNOWN in roles:
        told += ", and before on data that nothing tells"
    return told or " and never on the place where it is used"


def _terms(roles: Sequence[str]) -> str:
    if UNKNOWN in roles:
        return (
            "Of the data that nothing tells, the terms are not known; the weights come "
            "from data of these terms too"
        )
    if set(roles) <= {OWN, _RENDERED}:
        return "The weights were trained on data of these terms"
    return (
        "The weights come from data that their authors give for non-commercial "
        "research; treat the weights alike"
    )


def _sources(sources: Sequence[str] | None) -> str:
    return "data that nothing tells" if sources is None else ", ".join(sources)


def _encoder(flags: Mapping[str, Any]) -> str:
    """The encoder and what it does beyond its kind; older runs lack some flags."""
    told = [flags["encoder"], f"width {flags['encoder_width']:g}"]
    if through := flags.get("instance_norm_through"):
        told.append(f"instance norm through {through}")
    if flags.get("feature_neck"):
        told.append("neck")
    if flags.get("mirror"):
        told.append("mean of an image's feature and its mirror image's")
    return ", ".join(told)


def _of_another_step(metadata: Mapping[str, Any], name: str) -> list[str]:
    """What is told in place of figures of another checkpoint."""
    found, step = metadata.get(name), metadata["step"]
    if not found or found.get("step") == step:
        return []
    return [
        f"None of this model: those found are of step {found.get('step')}, the model "
        f"is of step {step}."
    ]


def _results(results: Mapping[str, Any] | None) -> list[str]:
    if not results:
        return ["None: the run has no results.json (python -m experiments.evaluate)."]
    metrics = paper_results.METRICS
    lines = [
        "Per cent, mean over the target's trials.",
        "",
        f"| target | {' | '.join(metrics)} | trials x probes / gallery |",
        "| --- |" + " --- |" * (len(metrics) + 1),
    ]
    for name, row in results["targets"].items():
        cells = " | ".join(f"{row[metric]['mean']:.1f}" for metric in metrics)
        size = table.size_of(row)
        if seen := row.get("seen_in_training"):
            size += f"; {seen_in_training.Seen(**seen)}"
        lines.append(f"| {name} | {cells} | {size} |")
    return lines


def _thresholds(thresholds: Mapping[str, Any] | None) -> list[str]:
    if not thresholds:
        return ["None: the run was not calibrated (python -m experiments.calibrate)."]
    lines = [
        f"Of the {thresholds.get('measure', 'score')}; at or above a threshold, two "
        "crops are called a match.",
        "",
        "| false accepts | threshold | 95 % interval | genuine pairs accepted |",
        "| --- | --- | --- | --- |",
    ]
    for row in thresholds["thresholds"]:
        if "refused" in row:
            lines.append(f"| 1 in {row['one_in']:,} | {row['refused']} | | |")
            continue
        interval = row.get("interval_refused")
        if interval is None:
            interval = "{:.4f} to {:.4f}".format(*row["interval"])
        lines.append(
            f"| 1 in {row['one_in']:,} | {row['score']:.4f} | {interval} "
            f"| {100 * row['true_accept_rate']:.1f} % |"
        )
    return lines
