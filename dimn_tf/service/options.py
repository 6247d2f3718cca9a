"""What can be chosen about the service: limits, waiting, keeping."""

import dataclasses

from dimn_tf import config, errors, images

OF_CONNECTIONS = (
    "connections",
    "connections_per_address",
    "header_seconds",
    "unread_seconds",
)
"""Options of the server in this process; Ray's own proxy knows no such limits."""


@dataclasses.dataclass(frozen=True)
class ServiceOptions:
    """Options of `app.create`; all are ours."""

    largest_bytes: int = config.option(
        16 << 20,
        "Bytes of a request's body, at most; of an image in it 64 MiB in any case.",
        least=1,
        most=2 * images.LARGEST_BYTES,  # Two images are compared in one request.
    )
    largest_pixels: int = config.option(
        25_000_000, "Pixels of an image, at most.", least=1, most=images.LARGEST_PIXELS
    )
    images_per_request: int = config.option(
        32, "Boxes of a frame in one request, at most.", least=1
    )
    largest_k: int = config.option(
        1_000, "Entries that a search may ask for, at most.", least=1
    )
    requests_per_minute: int = config.option(
        600,
        "Requests of one caller (a token's name, or an address) in a minute, at most, "
        "and wrong tokens of an address, of which never more than 60; 0: any number.",
        least=0,
    )
    connections: int = config.option(
        800,
        "Open connections, at most; where there are more, the oldest that asks for "
        "nothing is closed.",
        least=1,
    )
    connections_per_address: int = config.option(
        200,
        "Open connections of one address, at most; those of a --trusted_proxy are any "
        "number.",
        least=1,
    )
    header_seconds: float = config.option(
        10.0,
        "Seconds in which a connection's next request has to begin, and its header has "
        "to be there.",
        least=0.1,
    )
    upload_seconds: float = config.option(
        30.0, "Seconds in which a request's body has to be there.", least=0.1
    )
    unread_seconds: float = config.option(
        30.0,
        "Seconds for which a caller may read nothing of an answer that waits; then the "
        "connection is closed.",
        least=0.1,
    )
    batch_size: int = config.option(
        32, "Images that are encoded together, at most.", least=1
    )
    waiting_images: int = config.option(
        256,
        "Images that may wait to be encoded; a request beyond them is answered with "
        "503 and Retry-After.",
        least=1,
    )
    waiting_bytes: int = config.option(
        512 << 20,
        "Bytes of images and their parts that requests hold until they are encoded, at "
        "most; a request beyond them is answered with 503 and Retry-After.",
        least=1,
    )
    keep_pictures: bool = config.option(
        True,
        "Whether enrolled pictures are kept, for thumbnails and explanations; they go "
        "with their entries.",
    )
    keep_days: float = config.option(
        0.0,
        "Entries that were enrolled longer ago are removed, with their pictures; 0: "
        "none. Where the time of enrolment is not known, days count from when the "
        "service first saw the entry.",
        least=0.0,
        most=36_500.0,
    )
    audit_log: bool = config.option(
        True,
        "Whether the audit log records who searched for whom, and when.",
    )
    audit_bytes: int = config.option(
        100 << 20,
        "Bytes of the audit log's file, about; a new one is begun then. --keep_days "
        "removes old ones.",
        least=1 << 10,
    )


def check(chosen: ServiceOptions, largest_k: int | None = None) -> None:
    """Checks each option, and those that have to fit together.

    Args:
        chosen: The options.
        largest_k: Most hits that the gallery gives, see `BaseGallery`; None: all.

    Raises:
        errors.UserError: a value that is not allowed, or a request that could never be
            taken.
    """
    config.check(chosen)
    if largest_k is not None and chosen.largest_k > largest_k:
        raise errors.UserError(
            f"--largest_k={chosen.largest_k}: the gallery gives {largest_k} entries a "
            f"search at most. Lower it to {largest_k}"
        )
    if chosen.images_per_request > chosen.waiting_images:
        raise errors.UserError(
            f"--images_per_request={chosen.images_per_request}: more than "
            f"--waiting_images={chosen.waiting_images}, so that such a request could "
            "never be taken. Lower the first, or raise the second"
        )
