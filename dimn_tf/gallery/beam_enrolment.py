"""Enrolment over many machines: an Apache Beam pipeline from images to a gallery.

Beam repeats a part of the work that failed (a bundle). Nothing comes twice by it:
Milvus keeps one entry an id, and shards are put in place when they are whole.
"""

from __future__ import annotations

import collections
import dataclasses
import json
import pathlib
import shutil
import time
from collections.abc import Sequence

import apache_beam as beam
from absl import logging
from apache_beam.ml.inference import base as inference
from apache_beam.options import pipeline_options

from dimn_tf import errors, images, standard_json
from dimn_tf.export import served_model
from dimn_tf.gallery import embedding, enrolment, entries, image_sources, places, shards

_TOLD, _COUNTS = "told", "counts"  # Names of files and of outputs of the steps.
_SOURCES = "sources.jsonl"
_ADDED_AT_A_TIME = 256
_LOOKED_AT_A_TIME = 1000
_SECONDS = 10.0  # Between two lines of a process that encodes.


@dataclasses.dataclass(frozen=True)
class Plan:
    """What a pipeline does; each machine gets it.

    Attributes:
        export_dir: The export's version, in a folder that all machines see.
        runtime: See `ServedModel`.
        model_sha256: Of the export.
        dimension: D.
        output: Folder that all machines see, for what the pipeline writes.
        gallery: A gallery that many write to (`places.HELP`); None: shards in the
            output.
        replace: See `enrolment.enrol`; of a gallery.
        batch_size: Images at a time.
        images: All of them, for progress.
    """

    export_dir: str
    runtime: str
    model_sha256: str
    dimension: int
    output: str
    gallery: str | None
    replace: bool
    batch_size: int
    images: int


def enrol(
    model: served_model.ServedModel,
    sources: Sequence[image_sources.ImageSource],
    output: pathlib.Path,
    gallery: str | None,
    beam_options: Sequence[str],
    replace: bool = False,
    batch_size: int = 32,
) -> enrolment.Report:
    """Enrols images into a gallery that many write to, or into shards.

    Args:
        model: Loaded here to look at; each machine loads it again.
        sources: Images, in folders that all machines see by the same paths.
        output: Folder that all machines see, new or empty: for the report and, without
            a gallery, the shards. Nothing stays in it where the pipeline fails.
        gallery: See `Plan`.
        beam_options: Beam's own: `--runner=...` and the runner's.
        replace: See `enrolment.enrol`.
        batch_size: Images at a time.

    Raises:
        errors.UserError: an output that is in use, options that Beam refuses, or what a
            machine told so.
    """
    report = enrolment.Report()
    named = image_sources.agreed(sources, report.skipped)
    _refuse_in_use(output)
    options = _options(beam_options)
    plan = Plan(
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
    output.mkdir(parents=True, exist_ok=True)
    try:
        with (output / _SOURCES).open("w", encoding="utf-8") as file:
            file.writelines(_line_of(source) for source in named.values())
        _run(plan, options)
        _gather(plan, report)
    except BaseException:
        _empty(output, made)
        raise
    return report


def _run(plan: Plan, options: pipeline_options.PipelineOptions) -> None:
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


def _build(pipeline: beam.Pipeline, plan: Plan) -> None:
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
            >> beam.ParDo(_Look(plan)).with_outputs(_TOLD, _COUNTS, main="main")
        )
        told.append(found[_TOLD])
        counts.append(found[_COUNTS])
        wanted = found["main"] | "keep what was seen" >> beam.Reshuffle()
    read = wanted | "read" >> beam.ParDo(_Read()).with_outputs(_TOLD, main="main")
    made = (
        read["main"]
        | "encode" >> inference.RunInference(_Handler(plan))
        | "sort" >> beam.ParDo(_Sort()).with_outputs(_TOLD, _COUNTS, main="main")
    )
    told += [read[_TOLD], made[_TOLD]]
    counts.append(made[_COUNTS])
    if plan.gallery is None:
        _ = (
            made["main"]
            | "to rows" >> beam.Map(shards.row_of)
            | "write shards"
            >> beam.io.WriteToParquet(
                str(output / shards.PREFIX),
                shards.schema(plan.dimension),
                file_name_suffix=shards.SUFFIX,
            )
        )
    else:
        _ = (
            made["main"]
            | "some at a time" >> beam.BatchElements(_ADDED_AT_A_TIME, _ADDED_AT_A_TIME)
            | "add" >> beam.ParDo(_Add(plan))
        )
    _ = (
        told
        | "all told" >> beam.Flatten()
        | "told as lines" >> beam.Map(json.dumps)
        | "write told" >> beam.io.WriteToText(str(output / _TOLD))
    )
    _ = (
        counts
        | "all counts" >> beam.Flatten()
        | "sums" >> beam.CombinePerKey(sum)
        | "sums as lines" >> beam.Map(json.dumps)
        | "write counts" >> beam.io.WriteToText(str(output / _COUNTS))
    )


class _InGallery(beam.DoFn):
    """A step that has the gallery open."""

    def __init__(self, plan: Plan):
        self._plan = plan

    def setup(self):
        """See base class."""
        self._gallery = places.open_gallery(self._plan.gallery, self._plan.model_sha256)

    def teardown(self):
        """See base class."""
        self._gallery.close()


class _Look(_InGallery):
    """Images -> those that are to be enrolled, with what the gallery holds of them."""

    def process(self, batch):
        """See base class."""
        report = enrolment.Report()
        named = {source.entry_id: source for source in batch}
        wanted, before = enrolment.looked_at(
            self._gallery, named, self._plan.replace, report
        )
        for source in wanted:
            yield source, before.get(source.entry_id)
        for what in ("changed", "skipped"):
            for name, text in getattr(report, what):
                yield beam.pvalue.TaggedOutput(_TOLD, (what, name, text))
        for what in ("there", "unknown"):
            yield beam.pvalue.TaggedOutput(_COUNTS, (what, getattr(report, what)))


class _Read(beam.DoFn):
    """Reads an image that is to be enrolled; hands on what was there of it."""

    def process(self, wanted):
        """See base class."""
        source, before = wanted
        try:
            yield embedding.read(source), before
        except images.ImageFault as fault:
            told = ("skipped", source.entry_id, fault.reason)
            yield beam.pvalue.TaggedOutput(_TOLD, told)


class _Handler(inference.ModelHandler):
    """The export, as Beam's RunInference has models: one a process."""

    def __init__(self, plan: Plan):
        super().__init__(
            min_batch_size=plan.batch_size,
            max_batch_size=plan.batch_size,
            element_size_fn=self._size_of,
        )
        self._plan = plan

    def _size_of(self, wanted) -> int:
        """1, but more for a file so large that a batch of such would take too much."""
        share = embedding.BATCH_BYTES // self._plan.batch_size
        return max(1, min(_bytes_of(wanted) // share, self._plan.batch_size))

    def load_model(self):
        """See base class."""
        return served_model.ServedModel(self._plan.export_dir, self._plan.runtime)

    def run_inference(self, batch, model, inference_args=None):
        """See base class."""
        answer = model.gallery_classifiers([image.encoded for image, _ in batch])
        _pace.tell(len(batch), self._plan.images)
        rows = zip(batch, answer.vectors, answer.unusable(), strict=True)
        return [
            (embedding.Embedded(image.source, vector, image.sha256), before, fault)
            for (image, before), vector, fault in rows
        ]

    def get_num_bytes(self, batch):
        """See base class."""
        return sum(map(_bytes_of, batch))


class _Sort(beam.DoFn):
    """What the model gave -> entries, and what is told of the others."""

    def process(self, made):
        """See base class."""
        row, before, fault = made
        if fault:
            told = ("skipped", row.source.entry_id, fault)
            yield beam.pvalue.TaggedOutput(_TOLD, told)
            return
        yield enrolment.entry_of(row, before)
        what = "replaced" if before else "added"
        yield beam.pvalue.TaggedOutput(_COUNTS, (what, 1))


class _Add(_InGallery):
    """Entries -> gallery; done again, it leaves the same entries."""

    def process(self, batch: list[entries.Entry]):
        """See base class."""
        self._gallery.add(batch, replace=True)


class _Pace:
    """Lines on how far a process is, for its log."""

    def __init__(self):
        self._began = self._told = 0.0
        self._done = 0

    def tell(self, count: int, of: int) -> None:
        """Counts images, and logs a line where the last one is long ago."""
        now = time.monotonic()
        if not self._began:  # The first batch holds the model's start.
            self._began = self._told = now
            return
        self._done += count
        if now - self._told >= _SECONDS:
            self._told = now
            rate = self._done / (now - self._began)
            logging.warning(
                "enrolling: %s images in this process at %.0f a second, of %s in all",
                f"{self._done:,}",
                rate,
                f"{of:,}",
            )


_pace = _Pace()


def _bytes_of(wanted) -> int:
    image, _ = wanted
    return len(image.encoded)


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
        runner = found.view_as(pipeline_options.StandardOptions).runner
        beam.runners.create_runner(runner)
    except (ValueError, ImportError, AttributeError, SystemExit) as error:
        raise errors.UserError(
            f"--runner and --beam_options: Beam refuses {' '.join(given)}: {error}"
        ) from error
    return found


def _refuse_in_use(output: pathlib.Path) -> None:
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


def _gather(plan: Plan, report: enrolment.Report) -> None:
    """Reads what the machines told, and writes the report beside it."""
    output = pathlib.Path(plan.output)
    counts: collections.Counter = collections.Counter()
    for path in sorted(output.glob(f"{_COUNTS}-*")):
        with path.open(encoding="utf-8") as file:
            counts.update(dict(json.loads(line) for line in file))
        path.unlink()
    for path in sorted(output.glob(f"{_TOLD}-*")):
        with path.open(encoding="utf-8") as file:
            for line in file:
                what, name, text = json.loads(line)
                getattr(report, what).append((name, text))
        path.unlink()
    for what in ("added", "there", "replaced", "unknown"):
        setattr(report, what, counts[what])
    for rows in (report.changed, report.skipped):
        rows.sort()
    (output / _SOURCES).unlink()
    written = {
        "model_sha256": plan.model_sha256,
        "dimension": plan.dimension,
        **dataclasses.asdict(report),
    }
    if plan.gallery is None:
        written["shards"] = {p.name: shards.count(p) for p in shards.paths(output)}
        if sum(written["shards"].values()) != report.added:
            raise AssertionError(f"{written['shards']} of {report.added} entries")
    (output / shards.REPORT_FILE).write_text(standard_json.text(written))
