"""One of two workers on this machine, or both replicas in one process (a script).

    python -m tests.dimn_tf.training.worker FOLDER INDEX KILL_AFTER CHANGES PORT PORT

INDEX `both` trains two replicas in one process. KILL_AFTER 0 kills nobody.
CHANGES are the recipe's, as JSON.
"""

import json
import os
import pathlib
import signal
import sys


def main(folder: str, index: str, kill_after: str, changes: str, *ports: str) -> None:
    """Trains; writes FOLDER/INDEX.npz of all variables where it ends."""
    if index != "both":
        os.environ["TF_CONFIG"] = json.dumps(
            {
                "cluster": {"worker": [f"localhost:{port}" for port in ports]},
                "task": {"type": "worker", "index": int(index)},
            }
        )
    import numpy as np
    import tensorflow as tf

    from dimn_tf import errors
    from dimn_tf.training import hooks, run, strategies, workdir
    from tests.dimn_tf.training import tiny_run

    if index == "both":
        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(
            cpu, [tf.config.LogicalDeviceConfiguration()] * 2
        )
    strategy = strategies.make(2)
    tiny_run.install()
    if kill_after != "0":

        class Progress(hooks.Progress):
            every = 1

            def look(self, look):
                if look.step == int(kill_after):
                    os.kill(os.getpid(), signal.SIGKILL)

        run.hooks.Progress = Progress
    # A folder of its own for each: only the first one's may be written.
    directory = workdir.WorkDir(pathlib.Path(folder) / f"run_{index}")
    try:
        prepared = run.prepare(
            tiny_run.recipe_of(replicas=2, log_every=1, **json.loads(changes)),
            directory,
            data_dir="",
            strategy=strategy,
            log=lambda line: None,
        )
        trained = run.train(prepared)
    except errors.UserError as error:
        print(f"error: {error}", flush=True)
        os._exit(1)  # TensorFlow's own ending waits for the worker that is gone.
    np.savez(pathlib.Path(folder) / f"{index}.npz", **tiny_run.variables(trained))


if __name__ == "__main__":
    main(*sys.argv[1:])
