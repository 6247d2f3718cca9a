"""The service on Ray Serve: replicas of the model, one keeper of the gallery."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import logging
import math
import os
import pathlib
import random
import socket
from collections.abc import Callable, Iterator, Mapping

import ray
from ray import serve
from ray.util import scheduling_strategies

from dimn_tf import errors, files
from dimn_tf.export import served_model
from dimn_tf.service import access, app, core, options, ray_keeper, server

_NAME = "dimn_tf"
_PORTS = range(20_000, 30_000)  # Below those that systems give out.
# Ray reports its use to its makers otherwise; and the proxy of a cluster that is
# started here would take a caller's word for another address.
_VARIABLES = {"RAY_USAGE_STATS_ENABLED": "0", "FORWARDED_ALLOW_IPS": ""}
# Of Ray Serve's own, in the sources of every release since 1.0.
_CONTROLLER, _NAMESPACE = "SERVE_CONTROLLER_ACTOR", "serve"


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
        variables: Of the environment, for the processes that use the gallery.
    """

    export_dir: str
    runtime: str
    place: core.Place
    options: options.ServiceOptions
    allowed: access.Access
    variables: Mapping[str, str]


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
        errors.UserError: another model's gallery, a place that cannot be used, a
            cluster that is not there, serves something else or has too little, or
            replicas that do not start.
    """
    os.environ.update(_VARIABLES)
    with contextlib.ExitStack() as ending:
        _connect(replicas)
        ending.callback(ray.shutdown)
        _refuse_unfit(replicas)
        # Gallery and pictures are files here; started again, it has to find them.
        here = scheduling_strategies.NodeAffinitySchedulingStrategy(
            ray.get_runtime_context().get_node_id(), soft=False
        )
        actor = (
            ray.remote(ray_keeper.Actor)
            .options(num_cpus=0, max_restarts=-1, scheduling_strategy=here)
            .remote(
                served.variables,
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
        deployment = _deployment(served, actor, replicas, quiet)
        try:
            serve.run(deployment.bind(), name=_NAME)
        except RuntimeError as error:
            raise errors.UserError(
                f"--ray: the replicas do not start ({error}). Ray's logs, on each "
                "machine in /tmp/ray/session_latest/logs/serve, say why"
            ) from error
        yield


def _connect(replicas: Replicas) -> None:
    """Joins the cluster, or starts one.

    Raises:
        errors.UserError: there is none.
    """
    logging.getLogger("ray.serve").setLevel(logging.WARNING)
    if replicas.address:
        try:
            ray.init(replicas.address, log_to_driver=False, logging_level="warning")
        except (ConnectionError, ValueError) as error:
            raise errors.UserError(
                f"--ray_address={replicas.address}: no Ray cluster can be joined there "
                f"({error}). Start one (ray start), or leave the flag out"
            ) from error
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


def _refuse_unfit(replicas: Replicas) -> None:
    """Raises where the cluster cannot hold the replicas, or serves already."""
    there = ray.cluster_resources()
    for flag, each, kind in (
        ("--replica_cpus", replicas.cpus, "CPU"),
        ("--replica_gpus", replicas.gpus, "GPU"),
    ):
        needed, found = replicas.count * each, there.get(kind, 0.0)
        if needed > found:
            raise errors.UserError(
                f"--replicas={replicas.count} with {flag}={each:g} need {needed:g} "
                f"{kind}s; the cluster has {found:g}. Lower them"
            )
    try:
        ray.get_actor(_CONTROLLER, namespace=_NAMESPACE)
    except ValueError:  # There is none.
        return
    raise errors.UserError(
        f"--ray_address={replicas.address}: Ray Serve runs there already, and its "
        "proxy with settings of its own. Name a cluster on which it does not"
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
        os.environ.update(served.variables)
        model = served_model.ServedModel(served.export_dir, served.runtime)
        keeper = ray_keeper.RayKeeper(actor, served.place.gallery, model.sha256)
        own = f"{socket.gethostname()}-{os.getpid()}"
        place = dataclasses.replace(served.place, audit_name=f"audit-{own}.jsonl")
        log = _logging_to(place.folder, own)
        shared = core.Core(model, place, of_one, log, keeper)
        shared.open()
        return app.create(shared, served.allowed)

    made = serve.deployment(serve.ingress(build)())
    return made.options(
        name=_NAME,
        num_replicas=replicas.count,
        ray_actor_options={"num_cpus": replicas.cpus, "num_gpus": replicas.gpus},
        # A replica's queue of images limits what waits, and tells callers so; what is
        # beyond all of them the proxy refuses.
        max_ongoing_requests=served.options.waiting_images,
        max_queued_requests=served.options.waiting_images,
        graceful_shutdown_timeout_s=server.PATIENCE,
        logging_config=quiet,
    )


def _logging_to(folder: pathlib.Path, own: str) -> Callable[[str], None]:
    """Takes lines for who runs the service: Ray would mix them with its own.

    Each day has a file, so that --keep_days can remove the old ones.
    """

    def log(line: str) -> None:
        files.private_folder(folder)
        now = datetime.datetime.now(datetime.UTC)
        path = folder / core.LOGS.format(own, f"{now:%Y%m%d}")
        with open(path, "a", encoding="utf-8", opener=files.private_opener) as file:
            file.write(f"{now.isoformat(timespec='seconds')} {line}\n")

    return log


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
