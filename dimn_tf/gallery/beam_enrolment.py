"""Enrolment over many machines: an Apache Beam pipeline from images to a gallery.

Beam repeats a part of the work that failed (a bundle). Nothing comes twice by it:
Milvus keeps one entry an id, and shards are put in place when they are whole.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import json
import pathlib
import shutil
from collections.abc import Sequence

import apache_beam as beam
from absl import logging
from apache_beam.ml.inference import base as inference
from apache_beam.options import pipeline_options

from dimn_tf import errors, files, plain_paths, standard_json
from dimn_tf.export import served_model
from dimn_tf.gallery import beam_steps, image_sources, outcomes, shards

_SOURCES = "sources.jsonl"
_ADDED_AT_A_TIME = 256
_LOOKED_AT_A_TIME = 1000
# Beam's choice for these first fetches a program (Prism) from the internet and runs it.
_DIRECT = (None, "DirectRunner", "SwitchingDirectRunner")


def enrol(
    model: served_model.ServedModel,
    sources: Sequence[image_sources.ImageSource],
    output: pathlib.Path,
    gallery: str | None,
    beam_options: Sequence[str],
    replace: bool = False,
    batch_size: int = 32,
) -> outcomes.Report:
    """Enrols images into a gallery that many write to, or into shards.

    Args:
        model: Loaded here to look at; each machine loads it again.
        sources: Images, in folders that all machines see by the same paths.
        output: Folder that all machines see, new or empty: for the report and, without
            a gallery, the shards, all of which are their owner's alone in the end.
            Nothing stays in it where the pipeline fails.
        gallery: See `beam_steps.Plan`.
        beam_options: Beam's own: `--runner=...` and the runner's.
        replace: See `enrolment.enrol`.
        batch_size: Images at a time.

    Raises:
        errors.UserError: an output that is in use or named as a pattern, options that
            Beam refuses, or what a machine told so.
    """
    report = outcomes.Report()
    named = image_sources.agreed(sources, report.skipped)
    _refuse_unfit(output)
    options = _options(beam_options)
    plan = beam_steps.Plan(
        export_dir=str(model.folder.absolute()),
        runtime=model.runtime,
        model_sha256=model.sha256,
        dimension=model.dimension,
        output=str(output.absolute()),
        gallery=gallery,
        replace=replace,
        batch_size=batch_size,
        images=len(named),
    )
    made = not output.exists()
    files.private_folder(output)
    if files.open_to_others(output):
        logging.warning(
            "%s: others on this machine can look into it, and read what the pipeline "
            "writes until it has ended. chmod go= %s",
            output,
            output,
        )
    try:
        with open(
            output / _SOURCES, "w", encoding="utf-8", opener=files.private_opener
        ) as file:
            file.writelines(_line_of(source) for source in named.values())
        _run(plan, options)
        _gather(plan, report)
    except BaseException:
        _empty(output, made)
        raise
    return report


def _run(plan: beam_steps.Plan, options: pipeline_options.PipelineOptions) -> None:
    try:
        with beam.Pipeline(options=options) as pipeline:
            _build(pipeline, plan)
    except errors.UserError:
        raise
    except Exception as error:
        # Errors of another process come as text.
        for line in reversed(str(error).splitlines()):
            kind, _, message = line.partition(": ")
            if kind.rpartition(".")[2] in ("UserError", "DataError", "NoGallery"):
                raise errors.UserError(
                    message.partition(" [while running")[0]
                ) from error
        raise


def _build(pipeline: beam.Pipeline, plan: beam_steps.Plan) -> None:
    output = pathlib.Path(plan.output)
    wanted = (
        pipeline
        | "list" >> beam.io.ReadFromText(str(output / _SOURCES))
        | "parse" >> beam.Map(_source_of)
        # Over all machines; and what is repeated from here on is not looked at again.
        | "spread" >> beam.Reshuffle()
    )
    told, counts = [], []
    if plan.gallery is None:
        wanted |= "take all" >> beam.Map(lambda source: (source, None))
    else:
        found = (
            wanted
            | "together" >> beam.BatchElements(1, _LOOKED_AT_A_TIME)
            | "look"
            >> beam.ParDo(beam_steps.Look(plan)).with_outputs(
                beam_steps.TOLD, beam_steps.COUNTS, main="main"
            )
        )
        told.append(found[beam_steps.TOLD])
        counts.append(found[beam_steps.COUNTS])
        wanted = found["main"] | "keep what was seen" >> beam.Reshuffle()
    read = wanted | "read" >> beam.ParDo(beam_steps.Read()).with_outputs(
        beam_steps.TOLD, main="main"
    )
    made = (
        read["main"]
        | "encode" >> inference.RunInference(beam_steps.Handler(plan))
        | "sort"
        >> beam.ParDo(beam_steps.Sort()).with_outputs(beam_steps.TOLD, main="main")
    )
    told += [read[beam_steps.TOLD], made[beam_steps.TOLD]]
    if plan.gallery is None:
        counts.append(made["main"] | "count" >> beam.Map(lambda _: ("added", 1)))
        _ = (
            made["main"]
            | "to rows" >> beam.MapTuple(lambda entry, _: shards.row_of(entry))
            | "write shards"
            >> beam.io.WriteToParquet(
                str(output / shards.PREFIX),
                shards.schema(plan.dimension),
                file_name_suffix=shards.SUFFIX,
            )
        )
    else:
        added = (
            made["main"]
            | "some at a time" >> beam.BatchElements(_ADDED_AT_A_TIME, _ADDED_AT_A_TIME)
            | "add"
            >> beam.ParDo(beam_steps.Add(plan)).with_outputs(
                beam_steps.TOLD, beam_steps.COUNTS
            )
        )
        told.append(added[beam_steps.TOLD])
        counts.append(added[beam_steps.COUNTS])
    _ = (
        told
        | "all told" >> beam.Flatten()
        | "told as lines" >> beam.Map(json.dumps)
        | "write told" >> beam.io.WriteToText(str(output / beam_steps.TOLD))
    )
    _ = (
        counts
        | "all counts" >> beam.Flatten()
        | "sums" >> beam.CombinePerKey(sum)
        | "sums as lines" >> beam.Map(json.dumps)
        | "write counts" >> beam.io.WriteToText(str(output / beam_steps.COUNTS))
    )


def _line_of(source: image_sources.ImageSource) -> str:
    values = (str(source.path.absolute()), *dataclasses.astuple(source)[1:])
    return json.dumps(values) + "\n"


def _source_of(line: str) -> image_sources.ImageSource:
    path, *others = json.loads(line)
    return image_sources.ImageSource(pathlib.Path(path), *others)


def _options(given: Sequence[str]) -> pipeline_options.PipelineOptions:
    """Beam's options.

    Raises:
        errors.UserError: Beam refuses them.
    """
    try:
        found = pipeline_options.PipelineOptions(list(given))
        standard = found.view_as(pipeline_options.StandardOptions)
        if standard.runner in _DIRECT:
            standard.runner = "FnApiRunner"
        beam.runners.create_runner(standard.runner)
    except (ValueError, ImportError, AttributeError, SystemExit) as error:
        raise errors.UserError(
            f"--runner and --beam_options: Beam refuses {' '.join(given)}: {error}"
        ) from error
    return found


def _refuse_unfit(output: pathlib.Path) -> None:
    if not plain_paths.is_plain(output.absolute()):
        raise errors.UserError(
            f"--output={output}: Beam takes a path with any of [ ] * ? \\ for a "
            "pattern. Name a folder below plain ones"
        )
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise errors.UserError(
            f"--output={output}: there is something already. Name a folder that is new "
            "or empty, and that all machines see"
        )


def _empty(output: pathlib.Path, made: bool) -> None:
    """Removes what a pipeline left that failed."""
    if made:
        shutil.rmtree(output, ignore_errors=True)
        return
    for path in output.iterdir():
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _gather(plan: beam_steps.Plan, report: outcomes.Report) -> None:
    """Reads what the machines told, and writes the report beside it."""
    output = pathlib.Path(plan.output)
    counts: collections.Counter = collections.Counter()
    for path in sorted(output.glob(f"{beam_steps.COUNTS}-*")):
        with path.open(encoding="utf-8") as file:
            counts.update(dict(json.loads(line) for line in file))
        path.unlink()
    for path in sorted(output.glob(f"{beam_steps.TOLD}-*")):
        with path.open(encoding="utf-8") as file:
            for line in file:
                what, name, text = json.loads(line)
                getattr(report, what).append((name, text))
        path.unlink()
    for what in beam_steps.COUNTED:
        setattr(report, what, counts[what])
    for rows in (report.changed, report.skipped):
        rows.sort()
    (output / _SOURCES).unlink()
    for path in shards.paths(output):  # Beam's files go by the umask.
        with contextlib.suppress(PermissionError):  # It is told of the folder.
            path.chmod(0o600)
    written = {
        "model_sha256": plan.model_sha256,
        "dimension": plan.dimension,
        **dataclasses.asdict(report),
    }
    if plan.gallery is None:
        written["shards"] = {p.name: shards.count(p) for p in shards.paths(output)}
        if sum(written["shards"].values()) != report.added:
            raise AssertionError(f"{written['shards']} of {report.added} entries")
    with files.replacing(output / shards.REPORT_FILE) as partial:
        with open(partial, "w", opener=files.private_opener) as file:
            file.write(standard_json.text(written))
