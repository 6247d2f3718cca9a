"""The steps of enrolment by a Beam pipeline, as each machine does them."""

from __future__ import annotations

import dataclasses
import functools
import socket

import apache_beam as beam
from absl import logging
from apache_beam.ml.inference import base as inference

from dimn_tf import errors, images, progress
from dimn_tf.export import served_model
from dimn_tf.gallery import embedding, enrolment, meanwhile, outcomes, places

TOLD, COUNTS = "told", "counts"
"""Further outputs of steps: (what, entry id, why), and (what, how many)."""
COUNTED = ("added", "there", "replaced", "unknown", "gone")
_SECONDS = 10.0  # Between two lines of progress.


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


class Look(_InGallery):
    """Images -> those that are to be enrolled, with what the gallery holds of them."""

    def process(self, batch):
        """See base class."""
        report = outcomes.Report()
        named = {source.entry_id: source for source in batch}
        wanted, before = enrolment.looked_at(
            self._gallery, named, self._plan.replace, report
        )
        for source in wanted:
            yield source, before.get(source.entry_id)
        yield from _reported(report)


class Read(beam.DoFn):
    """Reads an image that is to be enrolled; hands on what was there of it."""

    def process(self, wanted):
        """See base class."""
        source, before = wanted
        try:
            yield embedding.read(source), before
        except images.ImageFault as fault:
            told = ("skipped", source.entry_id, fault.reason)
            yield beam.pvalue.TaggedOutput(TOLD, told)


class Handler(inference.ModelHandler):
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
        share = max(1, embedding.BATCH_BYTES // self._plan.batch_size)
        return max(1, min(_bytes_of(wanted) // share, self._plan.batch_size))

    def load_model(self):
        """See base class.

        Raises:
            errors.UserError: this machine's export is another model.
        """
        plan = self._plan
        model = served_model.ServedModel(plan.export_dir, plan.runtime)
        if model.sha256 != plan.model_sha256:
            raise errors.UserError(
                f"{plan.export_dir}: on {socket.gethostname()} it holds the model "
                f"{model.sha256[:12]}..., not {plan.model_sha256[:12]}...: copy the "
                "export to that machine again"
            )
        return model

    def run_inference(self, batch, model, inference_args=None):
        """See base class."""
        answer = model.gallery_classifiers([image.encoded for image, _ in batch])
        _shown(self._plan).update(len(batch))
        rows = zip(batch, answer.vectors, answer.unusable(), strict=True)
        return [
            (embedding.Embedded(image.source, vector, image.sha256), before, fault)
            for (image, before), vector, fault in rows
        ]

    def get_num_bytes(self, batch):
        """See base class."""
        return sum(map(_bytes_of, batch))


class Sort(beam.DoFn):
    """What the model gave -> entries with what was there; what is told of the rest."""

    def process(self, made):
        """See base class."""
        row, before, fault = made
        if fault:
            told = ("skipped", row.source.entry_id, fault)
            yield beam.pvalue.TaggedOutput(TOLD, told)
            return
        yield enrolment.entry_of(row), before


class Add(_InGallery):
    """Entries -> gallery; done again, it leaves and counts the same.

    What others removed or named since the look stays so, see `meanwhile.add`. (Of a new
    entry that is removed between a failure and its repetition nobody can tell.)
    """

    def process(self, batch):
        """See base class."""
        report = outcomes.Report()
        meanwhile.add(self._gallery, batch, report)
        yield from _reported(report)


def _reported(report: outcomes.Report):
    """What a batch came to, as further outputs."""
    for what in ("changed", "skipped"):
        for name, text in getattr(report, what):
            yield beam.pvalue.TaggedOutput(TOLD, (what, name, text))
    for what in COUNTED:
        if count := getattr(report, what):
            yield beam.pvalue.TaggedOutput(COUNTS, (what, count))


@functools.cache
def _shown(plan: Plan):
    """Progress of this process, for its log; as if it had to do all images alone."""
    return progress.bar(
        total=plan.images,
        label="enrolling (this process)",
        interval=_SECONDS,
        log=logging.warning,
    )


def _bytes_of(wanted) -> int:
    image, _ = wanted
    return len(image.encoded)
