"""What the service answers, as its description tells it."""

from __future__ import annotations

import pydantic

from dimn_tf.gallery import milvus_search

_ENTRY = "sha256-2f7c"


class Hit(pydantic.BaseModel):
    """An entry that a search found."""

    rank: int = pydantic.Field(description="1 is the best.", examples=[1])
    id: str = pydantic.Field(description="Of the entry.", examples=[_ENTRY])
    person_id: str | None = pydantic.Field(examples=["anna"])
    camera_id: str | None = pydantic.Field(examples=["door"])
    seen_at: str | None = pydantic.Field(
        description="When the camera saw it (UTC).",
        examples=["2026-11-29T08:00:00+00:00"],
    )
    score: float = pydantic.Field(description="The model's; higher is more alike.")
    likeness: float = pydantic.Field(
        description="The score over its scale and the length of the probe's feature: "
        "what thresholds are of.",
        examples=[0.83],
    )
    passes: bool | None = pydantic.Field(
        description="Whether the likeness reaches the threshold; null without one."
    )
    picture: str = pydantic.Field(
        description="Where its picture is.", examples=[f"/v1/pictures/{_ENTRY}"]
    )


class Probe(pydantic.BaseModel):
    """A person that was searched for."""

    box: str | None = pydantic.Field(
        description="The part of the frame; null: all of it.", examples=["10,20,64,128"]
    )
    fault: str | None = pydantic.Field(
        description="Why there is no vector of it; null where there is."
    )
    limited: bool = pydantic.Field(
        description="Whether there may be more hits. A gallery looks at all its "
        "entries; one on Milvus that an older version made, for a search by cameras, "
        f"times or one entry a person, at the {milvus_search.LARGEST_K:,} best."
    )
    hits: list[Hit] = pydantic.Field(description="Best first.")


class Found(pydantic.BaseModel):
    """What a search found."""

    threshold: float | None = pydantic.Field(
        description="Of the likeness; null where the model has none.", examples=[0.74]
    )
    false_accepts: int | None = pydantic.Field(
        description="Of so many pairs of two people, one reaches the threshold.",
        examples=[1000],
    )
    probes: list[Probe]


class Entry(pydantic.BaseModel):
    """An enrolled image."""

    id: str = pydantic.Field(examples=[_ENTRY])
    person_id: str | None = pydantic.Field(examples=["anna"])
    camera_id: str | None = pydantic.Field(examples=["door"])
    seen_at: str | None = None
    enrolled_at: str | None = pydantic.Field(examples=["2026-11-29T08:00:02+00:00"])
    picture: str = pydantic.Field(examples=[f"/v1/pictures/{_ENTRY}"])


class Enrolled(pydantic.BaseModel):
    """What an enrolment came to."""

    outcome: str = pydantic.Field(
        description="`created`, `there` (as it is already) or `replaced`.",
        examples=["created"],
    )
    id: str = pydantic.Field(
        description="By the picture's content: the same picture has the same.",
        examples=[_ENTRY],
    )


class Entries(pydantic.BaseModel):
    """A page of the gallery."""

    entries: list[Entry]
    next: str | None = pydantic.Field(
        description="Give it as `after` for the next page; null: this is the last."
    )


class Removed(pydantic.BaseModel):
    """What was removed, for good."""

    removed: list[str] = pydantic.Field(examples=[[_ENTRY]])


class Comparison(pydantic.BaseModel):
    """How alike two images are."""

    score: float
    likeness: float = pydantic.Field(examples=[0.83])
    threshold: float | None
    false_accepts: int | None
    passes: bool | None


class Explanation(pydantic.BaseModel):
    """Where on both images a match comes from."""

    score: float
    length: float = pydantic.Field(
        description="Of the probe's feature, times the score's scale: a score over it "
        "is a likeness."
    )
    margin: float | None = pydantic.Field(
        description="The score less the mean score of the others; null without others."
    )
    against: int = pydantic.Field(
        description="Entries whose mean score is taken: the best ones, this among them."
    )
    probe_map: list[list[float]] = pydantic.Field(
        description="Shares of the probe's places, rows from the top; they add up to "
        "the margin, or without others to the score. Above 0 a place speaks for this "
        "entry rather than the others."
    )
    match_map: list[list[float]] = pydantic.Field(
        description="Those of the entry's picture, likewise."
    )


class Ready(pydantic.BaseModel):
    """That the service can answer; to who has the token, what it works with."""

    status: str = pydantic.Field("ready", examples=["ready"])
    model: str | None = pydantic.Field(None, description="SHA-256 of its checkpoint.")
    runtime: str | None = pydantic.Field(None, examples=["onnx"])
    entries: int | None = None
    thresholds: list[int] | None = pydantic.Field(
        None,
        description="False accepts for which the model has a threshold.",
        examples=[[100, 1000]],
    )
