"""Serves a gallery over HTTP: search, enrol, compare, remove.

    python -m experiments.serve --model=EXPORT --gallery=GALLERY

listens on this machine alone. Elsewhere (--host) it needs a token of whoever asks: in
the environment variable DIMN_TF_TOKEN, or one for each caller in --token_file. What it
can do stands in /openapi.json. Ctrl-C or SIGTERM ends it: what was begun is answered
first.
"""

import os
import pathlib
import socket

from absl import flags

from dimn_tf import config, errors, extras
from dimn_tf.gallery import places
from dimn_tf.service import options
from experiments import flags as option_flags
from experiments import launch, model_flags, path_flags

FLAGS = flags.FLAGS
TOKEN = "DIMN_TF_TOKEN"
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
    option_flags.define_group(options.ServiceOptions)


def main(_):
    for package in _PACKAGES:
        extras.load(package, "service", "experiments.serve")
    import uvicorn

    from dimn_tf.service import access, app, core
    from dimn_tf.service import server as server_lib

    tokens = _tokens(access)
    if not tokens and not access.is_loopback(FLAGS.host):
        raise errors.UserError(
            f"--host={FLAGS.host}: others can reach it there, so callers need a token. "
            f"Put one into the environment variable {TOKEN}, or name a --token_file"
        )
    values = {name: FLAGS[name].value for name in FLAGS}
    chosen = config.read(options.ServiceOptions, values)
    config.check(chosen)
    place = core.Place(FLAGS.gallery, _state())
    with server_lib.bound(FLAGS.host, FLAGS.port) as listening:
        model = model_flags.load()
        shared = core.Core(model, place, chosen, _say)
        shared.open()
        served = app.create(shared, access.Access(tokens, tuple(FLAGS.hosts)))
        server = uvicorn.Server(server_lib.settings(served))
        started = server.startup

        async def startup(sockets=None):
            await started(sockets=sockets)
            if server.started:
                _say(
                    f"{FLAGS.gallery} at {_address(listening)} "
                    f"({model_flags.told(model)}). Ctrl-C ends it."
                )

        server.startup = startup
        server.run(sockets=[listening])
        if not server.started:
            raise errors.UserError("the service could not start; see above")


def _say(line: str) -> None:
    print(line, flush=True)


def _tokens(access) -> dict[str, str]:
    tokens = {}
    if FLAGS.token_file is not None:
        tokens = access.read_tokens(pathlib.Path(FLAGS.token_file))
    if (given := os.environ.get(TOKEN)) is not None:
        tokens["token"] = access.checked_token(given, f"the variable {TOKEN}")
    return tokens


def _state() -> pathlib.Path:
    if FLAGS.state is not None:
        return pathlib.Path(FLAGS.state)
    if FLAGS.gallery.startswith("milvus:"):
        raise errors.UserError(
            "--state: name a folder for enrolled pictures and the audit log, since the "
            "gallery is in none"
        )
    return pathlib.Path(FLAGS.gallery) / "service"


def _address(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


if __name__ == "__main__":
    launch.launch(define, main)
