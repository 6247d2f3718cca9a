"""The service for real: on a port of this machine, in a thread of this process."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator

import httpx
import uvicorn

from dimn_tf.service import access, app, core, options
from dimn_tf.service import server as server_lib

PATIENCE = 60.0


@contextlib.contextmanager
def running(
    model, folder, allowed=None, log=None, headers=None, proxies=(), **chosen
) -> Iterator[httpx.Client]:
    """A client of a service that has started; `chosen` are options."""
    shared = core.Core(
        model,
        core.Place(str(folder / "people"), folder / "service"),
        options.ServiceOptions(**chosen),
        log or (lambda line: None),
    )
    served = app.create(shared, allowed or access.Access())
    listening = server_lib.bound("127.0.0.1", 0)
    server = uvicorn.Server(server_lib.settings(served, shared.options, proxies))
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    try:
        end = time.monotonic() + PATIENCE
        while not server.started:
            assert thread.is_alive() and time.monotonic() < end, "it does not start"
            time.sleep(0.01)
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        with httpx.Client(
            base_url=address, timeout=PATIENCE, headers=headers
        ) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join(PATIENCE)
        listening.close()
        assert not thread.is_alive(), "it does not end"
