r"""Serves a gallery over HTTP: search, enrol, compare, remove.

    python -m experiments.serve --model=EXPORT --gallery=GALLERY

listens on this machine alone. Elsewhere (--host) it needs a token of whoever asks: in
the environment variable DIMN_TF_TOKEN, or one for each caller in --token_file. What it
can do stands in /openapi.json. Ctrl-C or SIGTERM ends it: what was begun is answered
first.

    python -m experiments.serve --ray --replicas=4 --model=EXPORT --state=FOLDER \
        --gallery=milvus:http://HOST:19530#people

serves by Ray Serve: it starts that many processes, each with the model, which share one
gallery.
"""

import os
import pathlib
import signal

from absl import flags

from dimn_tf import config, errors, extras
from dimn_tf.gallery import milvus_collections, places
from dimn_tf.service import options, state
from experiments import flags as option_flags
from experiments import launch, model_flags, path_flags

FLAGS = flags.FLAGS
TOKEN = "DIMN_TF_TOKEN"
_NAME = "token"  # Of who has that one.
_OF_RAY = ("replicas", "replica_cpus", "replica_gpus", "ray_address")
_PACKAGES = ("fastapi", "jinja2", "prometheus_client", "python_multipart", "uvicorn")


def define() -> None:
    """Defines the command's flags."""
    model_flags.define()
    path_flags.define_path(
        "gallery", None, f"Made if it is missing: {places.HELP}.", required=True
    )
    path_flags.define_path(
        "state",
        None,
        "Folder for enrolled pictures and the audit log; for a gallery in a folder, "
        "its folder `service` if left out.",
    )
    flags.DEFINE_string("host", "127.0.0.1", "Address to listen at.")
    flags.DEFINE_integer("port", 8000, "Port; 0: any that is free.", 0, 65_535)
    flags.DEFINE_list(
        "hosts",
        [],
        "Without tokens: further names by which a browser on this machine may call it.",
    )
    path_flags.define_path(
        "token_file", None, "File with a line `name token` for each caller."
    )
    flags.DEFINE_list(
        "trusted_proxy",
        [],
        "Addresses or networks of a proxy that tells its callers' addresses and scheme "
        "(X-Forwarded-For, X-Forwarded-Proto); left out, nobody's word is taken.",
    )
    flags.DEFINE_bool("ray", False, "Whether Ray Serve runs it, in several processes.")
    flags.DEFINE_integer("replicas", 2, "With --ray: processes with the model.", 1)
    flags.DEFINE_float("replica_cpus", 1.0, "With --ray: cores of each of them.", 0)
    flags.DEFINE_float("replica_gpus", 0.0, "With --ray: GPUs of each of them.", 0)
    flags.DEFINE_string(
        "ray_address",
        "",
        "With --ray: a cluster's, such as auto; left out, one is started here, for the "
        "service alone.",
    )
    option_flags.define_group(options.ServiceOptions)


def main(_):
    for package in _PACKAGES:
        extras.load(package, "service", "experiments.serve")
    from dimn_tf.service import access, core

    tokens = _tokens(access)
    if not tokens and not access.is_loopback(FLAGS.host):
        raise errors.UserError(
            f"--host={FLAGS.host}: others can reach it there, so callers need a token. "
            f"Put one into the environment variable {TOKEN}, or name a --token_file"
        )
    proxies = access.checked_proxies(FLAGS.trusted_proxy, tokens)
    _refuse_unheeded(tokens)
    values = {name: FLAGS[name].value for name in FLAGS}
    chosen = config.read(options.ServiceOptions, values)
    options.check(chosen, places.largest_k(FLAGS.gallery))
    gallery = FLAGS.gallery
    if places.is_folder(gallery):
        gallery = os.path.abspath(gallery)  # For processes in other folders.
    place = core.Place(gallery, _state())
    hosts = (*FLAGS.hosts, access.in_address(FLAGS.host))
    allowed = access.Access(tokens, hosts)
    if not FLAGS.ray:
        _serve(place, chosen, allowed, proxies)
        return
    _serve_by_ray(place, chosen, allowed)


def _refuse_unheeded(tokens) -> None:
    """Raises where a flag is given that would change nothing."""
    if FLAGS.hosts and tokens:
        raise errors.UserError(
            f"--hosts={','.join(FLAGS.hosts)}: who has a token may call the service by "
            "any name. Leave it out"
        )
    for name in _OF_RAY:
        if FLAGS[name].present and not FLAGS.ray:
            raise errors.UserError(f"--{name}: only --ray heeds it. Leave it out")
    if not FLAGS.ray:
        return
    if FLAGS.trusted_proxy:
        raise errors.UserError(
            "--trusted_proxy: with --ray, callers reach Ray's own proxy, which takes "
            "nobody's word. Leave one of them out"
        )
    for name in options.OF_CONNECTIONS:
        if FLAGS[name].present:
            raise errors.UserError(
                f"--{name}: with --ray, callers reach Ray's own proxy, which has no "
                "such limit. Leave one of them out, and put a proxy that limits "
                "connections before the service"
            )


def _serve(place, chosen, allowed, proxies) -> None:
    """Serves in this process."""
    import uvicorn

    from dimn_tf.service import access, app, core
    from dimn_tf.service import server as server_lib

    with server_lib.bound(FLAGS.host, FLAGS.port) as listening:
        model = model_flags.load()
        shared = core.Core(model, place, chosen, _say)
        shared.open()
        made = app.create(shared, allowed)
        server = uvicorn.Server(server_lib.settings(made, chosen, proxies))
        started = server.startup

        async def startup(sockets=None):
            await started(sockets=sockets)
            if server.started:
                _say_where(access, listening.getsockname()[1], model)

        server.startup = startup
        server.run(sockets=[listening])
        if not server.started:
            raise errors.UserError("the service could not start; see above")


def _serve_by_ray(place, chosen, allowed) -> None:
    """Serves in processes that Ray Serve starts."""
    extras.load("ray.serve", "ray", "--ray")
    if FLAGS.ray_address and not allowed.tokens:
        raise errors.UserError(
            "--ray_address: others reach a cluster, so callers need a token. Put one "
            f"into the environment variable {TOKEN}, or name a --token_file"
        )
    from dimn_tf.service import access, ray_service

    port = ray_service.free_port(FLAGS.host, FLAGS.port)
    model = model_flags.load()
    _ = model.inner_product_scale  # Refuses a model that no gallery can search for.
    served = ray_service.Served(
        export_dir=str(model.folder.absolute()),
        runtime=model.runtime,
        place=place,
        options=chosen,
        allowed=allowed,
        variables={
            name: os.environ[name]
            for name in (milvus_collections.TOKEN_VARIABLE,)
            if name in os.environ
        },
    )
    replicas = ray_service.Replicas(
        FLAGS.replicas, FLAGS.replica_cpus, FLAGS.replica_gpus, FLAGS.ray_address
    )
    terminate = signal.getsignal(signal.SIGTERM)
    with ray_service.running(model, served, FLAGS.host, port, replicas):
        signal.signal(signal.SIGTERM, terminate)  # Ray has put its own in its place.
        _say_where(access, port, model)
        while True:
            signal.pause()


def _say_where(access, port: int, model) -> None:
    where = f"http://{access.in_address(FLAGS.host)}:{port}"
    _say(f"{FLAGS.gallery} at {where} ({model_flags.told(model)}). Ctrl-C ends it.")


def _say(line: str) -> None:
    print(line, flush=True)


def _tokens(access) -> dict[str, str]:
    tokens = {}
    if FLAGS.token_file is not None:
        tokens = access.read_tokens(pathlib.Path(FLAGS.token_file))
    if (given := os.environ.get(TOKEN)) is not None:
        access.checked_token(given, f"the variable {TOKEN}")
        same = [name for name, token in tokens.items() if token == given]
        if same or _NAME in tokens:
            raise errors.UserError(
                f"the variable {TOKEN}: its holder is called `{_NAME}`, and "
                f"--token_file={FLAGS.token_file} has a line "
                f"{same[0] if same else _NAME} with "
                f"{'the same' if same else 'another'} token. Unset the variable, or "
                "take the line out"
            )
        tokens[_NAME] = given
    return tokens


def _state() -> pathlib.Path:
    if FLAGS.state is not None:
        return pathlib.Path(FLAGS.state).absolute()
    if not places.is_folder(FLAGS.gallery):
        raise errors.UserError(
            "--state: name a folder for enrolled pictures and the audit log, since the "
            "gallery is in none"
        )
    return state.own_folder(FLAGS.gallery)


if __name__ == "__main__":
    launch.launch(define, main)
