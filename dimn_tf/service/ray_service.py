"""The service on Ray Serve: replicas of the model, one keeper of the gallery."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import math
import os
import random
import socket
from collections.abc import Iterator

import ray
from ray import serve

from dimn_tf import errors
from dimn_tf.export import served_model
from dimn_tf.service import access, app, core, options, ray_keeper, server

_NAME = "dimn_tf"
_PORTS = range(20_000, 30_000)  # Below those that systems give out.
# Ray reports its use to its makers otherwise; and its proxy would take a caller's word
# for another address.
_VARIABLES = {"RAY_USAGE_STATS_ENABLED": "0", "FORWARDED_ALLOW_IPS": ""}


@dataclasses.dataclass(frozen=True)
class Replicas:
    """How many there are, and what each has.

    Attributes:
        count: Processes that have the model.
        cpus: Cores of each.
        gpus: GPUs of each, or a share of one.
        address: Of the Ray cluster; "": one is started on this machine for the service
            alone, which ends with it.
    """

    count: int = 2
    cpus: float = 1.0
    gpus: float = 0.0
    address: str = ""


@dataclasses.dataclass(frozen=True)
class Served:
    """What a replica makes its service of.

    Attributes:
        export_dir: Of a version; all machines see it.
        runtime: See `ServedModel`.
        place: Of the gallery and what belongs to it.
        options: Of the service.
        allowed: Who may ask.
    """

    export_dir: str
    runtime: str
    place: core.Place
    options: options.ServiceOptions
    allowed: access.Access


@contextlib.contextmanager
def running(
    model: served_model.ServedModel,
    served: Served,
    host: str,
    port: int,
    replicas: Replicas,
) -> Iterator[None]:
    """Runs the service in a block; at its end what was begun is answered first.

    Args:
        model: Of the export.
        served: What each replica serves.
        host: Address to listen at.
        port: A free one.
        replicas: See the class.

    Raises:
        errors.UserError: another model's gallery, or a place that cannot be used.
    """
    os.environ.update(_VARIABLES)
    with contextlib.ExitStack() as ending:
        _connect(replicas)
        ending.callback(ray.shutdown)
        actor = (
            ray.remote(ray_keeper.Actor)
            .options(num_cpus=0, max_restarts=-1)
            .remote(
                served.place.gallery,
                model.sha256,
                model.dimension,
                served.place.folder,
                served.options.keep_pictures,
            )
        )
        ray_keeper.RayKeeper(actor, "", model.sha256).open()
        ending.callback(lambda: ray.get(actor.close.remote()))
        quiet = {"enable_access_log": False, "log_level": "WARNING"}
        serve.start(
            proxy_location="HeadOnly",
            http_options={"host": host, "port": port},
            logging_config=quiet,
        )
        ending.callback(serve.shutdown)
        serve.run(_deployment(served, actor, replicas, quiet).bind(), name=_NAME)
        yield


def _connect(replicas: Replicas) -> None:
    logging.getLogger("ray.serve").setLevel(logging.WARNING)
    if replicas.address:
        ray.init(replicas.address, log_to_driver=False, logging_level="warning")
        return
    needed = math.ceil(replicas.count * replicas.cpus)
    ray.init(
        "local",
        num_cpus=max(needed, os.cpu_count() or 1),
        include_dashboard=False,  # Whoever reaches it can run anything.
        log_to_driver=False,
        logging_level="warning",
        _node_ip_address="127.0.0.1",
    )


def _deployment(served: Served, actor, replicas: Replicas, quiet):
    of_one = dataclasses.replace(
        served.options,
        # Each replica counts by itself, and hears its share of a caller's requests.
        requests_per_minute=math.ceil(
            served.options.requests_per_minute / replicas.count
        ),
    )

    def build():
        model = served_model.ServedModel(served.export_dir, served.runtime)
        keeper = ray_keeper.RayKeeper(actor, served.place.gallery, model.sha256)
        name = f"audit-{socket.gethostname()}-{os.getpid()}.jsonl"
        place = dataclasses.replace(served.place, audit_name=name)
        shared = core.Core(model, place, of_one, keeper=keeper)
        shared.open()
        return app.create(shared, served.allowed)

    made = serve.deployment(serve.ingress(build)())
    return made.options(
        name=_NAME,
        num_replicas=replicas.count,
        ray_actor_options={"num_cpus": replicas.cpus, "num_gpus": replicas.gpus},
        # The queue of images limits what waits, and tells callers so.
        max_ongoing_requests=served.options.waiting_images,
        graceful_shutdown_timeout_s=server.PATIENCE,
        logging_config=quiet,
    )


def free_port(host: str, port: int) -> int:
    """The port, or one that is free where it is 0.

    The system's own choice would be of those that Ray's processes take meanwhile.

    Raises:
        errors.UserError: it is taken.
    """
    tried = [port] if port else random.sample(_PORTS, 100)
    for candidate in tried:
        try:
            server.bound(host, candidate).close()
            return candidate
        except errors.UserError:
            if candidate == tried[-1]:
                raise
    raise AssertionError("no candidate")
