"""Known statistics of the rendered domains."""

from data_builders.facts import DatasetFacts
from data_builders.synthetic_reid import domains
from dimn_tf.errors import DataError

NAME = "synthetic_reid"
HOMEPAGE = ""
"""Published nowhere: rendered where it is needed."""
VERSION = "1.0.0"
"""Raise it when the rendered bytes change."""


def facts_of(config: str | None) -> DatasetFacts:
    """The facts of one domain; None is the first one, as in TFDS.

    Raises:
        DataError: there is no such domain.
    """
    config = config or next(iter(domains.DOMAINS))
    if config not in domains.DOMAINS:
        raise DataError(
            f"{NAME}/{config}: {NAME} has no domain {config!r}.\n"
            f"  known:  {', '.join(domains.DOMAINS)}\n"
            "  to do:  correct the name"
        )
    return facts_of_domain(domains.DOMAINS[config])


def facts_of_domain(domain: domains.Domain) -> DatasetFacts:
    """The facts of a domain, made-up ones included."""
    splits = [f"cam_{number}" for number in range(1, len(domain.cameras) + 1)]
    return DatasetFacts(
        name=NAME,
        title=f"Synthetic ReID, {domain.name}",
        role="synthetic",
        archives=(),
        homepage=HOMEPAGE,
        identities=domain.identities,
        images=domain.images,
        split_images={s: domain.identities * domain.shots for s in splits},
        split_identities={s: domain.identities for s in splits},
        required=False,
        version=VERSION,
        default_config=domain.name,
    )
