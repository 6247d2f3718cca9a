"""A run: from a recipe to a trained method in a work directory."""

import dataclasses
import functools
import hashlib
import json
import math
from collections.abc import Callable

import tensorflow as tf

from dimn_tf import errors, methods
from dimn_tf.data import holdout, label_space, records, sampler
from dimn_tf.methods import phase
from dimn_tf.training import (
    batches,
    build,
    checkpoints,
    hard_search,
    hooks,
    init_from,
    loop,
    recorded_start,
    strategies,
    trained_before,
    training_log,
    weight_average,
    workdir,
)
from dimn_tf.training import recipe as recipes


def build_label_space(
    recipe: recipes.Recipe, data_dir: str, log: Callable[[str], None] = print
) -> label_space.LabelSpace:
    """Joins the sources into one label space, prints it and checks it.

    Args:
        recipe: Sources, held-out identities, seed.
        data_dir: Where the built data sets are.
        log: Prints the table.
    """
    data = recipe.data
    space = label_space.LabelSpace.build(
        [records.load_records(name, data_dir) for name in data.sources],
        holdout_identities=data.holdout_identities,
        seed=recipe.optimiser.seed,
    )
    log(space.table())
    log(space.check_complete())
    return space


def sha256_of(space: label_space.LabelSpace) -> str:
    """Hash of which image files are trained on, of which identity and camera."""
    digest = hashlib.sha256()
    for domain in space.domains:
        # A folder's name may be no UTF-8.
        digest.update(domain.reference.encode(errors="surrogateescape"))
        names = domain.records.file_names[domain.image_indices]
        for column in (domain.labels, domain.cameras, names):
            digest.update("\0".join(map(str, column.tolist())).encode())
    return digest.hexdigest()


@dataclasses.dataclass(frozen=True)
class PreparedRun:
    """A run whose data and work directory are known to fit.

    Attributes:
        recipe: The run's options.
        directory: Its work directory, claimed.
        space: Its sources' identities.
        sampling: How a batch is drawn.
        strategy: Where it trains.
    """

    recipe: recipes.Recipe
    directory: workdir.WorkDir
    space: label_space.LabelSpace
    sampling: sampler.IdentitySampler
    strategy: tf.distribute.Strategy

    @property
    def is_chief(self) -> bool:
        """Whether this process writes the work directory."""
        return strategies.is_chief(self.strategy)

    @property
    def fed(self) -> batches.Batches:
        """What its steps are fed with."""
        return batches.Batches(self.recipe, self.space, self.sampling, self.strategy)


def prepare(
    recipe: recipes.Recipe,
    directory: workdir.WorkDir,
    data_dir: str,
    log: Callable[[str], None] = print,
    strategy: tf.distribute.Strategy | None = None,
    space: label_space.LabelSpace | None = None,
) -> PreparedRun:
    """Lays the label space, and claims the work directory for the run.

    Args:
        recipe: The run's options.
        directory: Work directory, new or of the same run.
        data_dir: Where the built data sets are.
        log: Prints the sources' table.
        strategy: Where it trains; default: as the recipe says.
        space: What it trains on; default: the recipe's sources.

    Raises:
        errors.UserError: options that do not fit each other, the data or the work
            directory.
    """
    request, replicas = recipe.batch_request, recipe.plan.replicas
    recipe.kind.refuse_replicas(request, recipe.data, replicas)
    strategy = strategy or strategies.make(replicas)
    space = space or build_label_space(recipe, data_dir, log)
    sampling = sampler.IdentitySampler(
        space, request, recipe.optimiser.seed, recipe.hard_groups()
    )
    recorded, found = recipe.recorded(directory), sha256_of(space)
    findings = {
        "num_identities": space.num_identities,
        "sources_sha256": found,
        "images_per_step": request.images,
    }
    strategies.refuse_other_workers(strategy, json.dumps([recorded, findings]))
    if strategies.is_chief(strategy):
        workdir.claim(directory, recorded, findings)
        holdout.save(directory.holdout, space.holdout)
        if start := recipe.encoder.init_from:
            if recorded_start.is_there(start, recorded["init_from"]):
                runs = trained_before.of_start(start)
                trained_before.save(directory.trained_before, runs, start)
            else:  # A run that goes on needs it no more, and knows what it saw.
                log(
                    f"--init_from={start}: is gone or has trained on since; the run in "
                    f"{directory.root} began from it and goes on as it is."
                )
        else:  # Of a call that was refused since.
            directory.trained_before.unlink(missing_ok=True)
    return PreparedRun(recipe, directory, space, sampling, strategy)


def train(
    prepared: PreparedRun,
    evaluate: Callable[[methods.Method, int], None] | None = None,
    log: Callable[[str], None] = print,
    evaluated: Callable[[int], bool] | None = None,
) -> methods.Method:
    """Trains a method, or goes on with it where the work directory stopped.

    Args:
        prepared: See `prepare`.
        evaluate: Called with the method and the step every --evaluate_every steps.
        log: Prints a line.
        evaluated: Whether a step's evaluation is there; default: its results are.

    Returns:
        The trained method.

    Raises:
        errors.UserError: a checkpoint that does not fit, or a loss that is not
            finite.
    """
    recipe, directory, strategy = prepared.recipe, prepared.directory, prepared.strategy
    request, plan = recipe.batch_request, recipe.plan
    end, images = recipe.train_steps, request.images
    resumed = prepared.is_chief and bool(checkpoints.whole_steps(directory.checkpoints))
    with strategy.scope():
        method = build.for_training(recipe, prepared.space.specification, resumed)
        phases = method.phases(end)
        average = weight_average.asked_for(recipe, method, len(phases))
        search = hard_search.asked_for(recipe, method, prepared.sampling, strategy)
    kept = checkpoints.Checkpoints(
        directory.checkpoints,
        method,
        plan.keep_checkpoints,
        {layer.name: layer.variables for layer in (average, search) if layer},
    )
    fed = prepared.fed
    start = 0
    if prepared.is_chief:
        start = kept.restore()
        kept.remove_leftovers()
        if not start and recipe.encoder.init_from:
            sources = sha256_of(prepared.space)
            taken = init_from.load(recipe.encoder.init_from, method, sources)
            method.after_taking_over(taken)
            log(
                f"Starting from {recipe.encoder.init_from}: {len(taken)} of "
                f"{len(method.variables)} variables taken over."
                f"{init_from.of_averages(recipe.encoder.init_from, sources)}"
            )
    start = strategies.share_from_chief(strategy, kept.variables, start)
    if start >= end:
        log(f"{directory.root}: trained already, {start:,} of {end:,} steps.")
        return method
    if start:
        log(
            f"Going on from {directory.checkpoints}/ckpt-{start} "
            f"(step {start:,} of {end:,})."
        )
    log(
        f"Training {recipe.method} on {prepared.space.num_identities:,} "
        f"{recipe.counted}, {images} images a step, {method.count_params():,} "
        "parameters."
    )
    if unused := _given_in_vain(recipe):
        log(f"{recipe.method} takes no account of {', '.join(unused)}.")
    if (warmup := recipe.optimiser.warmup_steps) >= end:
        log(
            f"--warmup_steps={warmup:,} of {end:,} steps: the learning rate only rises."
        )
    if search and search.every >= end:
        log(
            f"--hard_search_every={search.every:,} of {end:,} steps: no group is found."
        )
    try:
        for part, first, last in phase.left(phases, start):
            if len(phases) > 1:
                log(f"Steps {first + 1:,} to {last:,}: {part.name}.")
            step, seen = part.step, 0
            if part.takes_images:
                step, seen = fed.augmenting(part.step), images
            watching: list[loop.Hook] = [hooks.Progress(end, seen, log=log)]
            if average:
                step = _then(step, average.add)
            if average and prepared.is_chief:  # Before what saves.
                unseen = functools.partial(fed.for_statistics, part)
                watching.append(
                    weight_average.Finish(average, method, unseen, end, log)
                )
            if prepared.is_chief:
                watching += _writing_hooks(
                    prepared, method, kept, evaluate, seen, evaluated
                )
            if part.begin:  # After an evaluation that is owed of the phase before.
                watching.append(hooks.Begin(part.begin, fed.every_image))

            searching = search if part.takes_images else None

            def after(done, part=part, last=last, searching=searching):
                if searching:
                    searching.begin(done)
                return fed.of(part, done, last)

            with strategies.losing_workers(strategy):
                loop.run(
                    step,
                    after(first),
                    first,
                    last,
                    watching,
                    strategy,
                    plan.jit_compile,
                    plan.steps_per_execution,
                    renewed=after,
                    renew_every=searching.every if searching else 0,
                )
    except loop.NonFiniteError as error:
        raise _stopped(error, kept) from error
    return method


def _given_in_vain(recipe: recipes.Recipe) -> list[str]:
    """Flags whose values are not the defaults, and which the method does not use."""
    found = []
    for group in (recipe.data, recipe.optimiser, recipe.method_options):
        default = type(group)()
        found += [
            f"--{name}"
            for name in recipe.kind.unused
            if hasattr(default, name) and getattr(group, name) != getattr(default, name)
        ]
    return found


def _then(step, also):
    """A step, and what is done after each one."""

    def both(batch):
        found = step(batch)
        also()
        return found

    return both


def _writing_hooks(
    prepared, method, kept, evaluate, images, evaluated
) -> list[loop.Hook]:
    recipe, directory = prepared.recipe, prepared.directory
    plan, end = recipe.plan, recipe.train_steps
    found: list[loop.Hook] = [
        training_log.TrainingLog(
            directory.training_log,
            directory.tensorboard,
            plan.log_every,
            images,
            lambda: float(method.optimizer.learning_rate),
        ),
        checkpoints.SaveCheckpoints(kept, plan.checkpoint_every),
    ]
    if evaluate is not None and plan.evaluate_every:
        found.append(
            hooks.Evaluate(
                lambda step: evaluate(method, step),
                evaluated or (lambda step: directory.results_at(step).is_file()),
                plan.evaluate_every,
                end,
            )
        )
    return found


def _stopped(
    error: loop.NonFiniteError, kept: checkpoints.Checkpoints
) -> errors.UserError:
    terms = ", ".join(
        f"{name} {value:.6g}"
        for name, value in sorted(
            error.values.items(), key=lambda item: math.isfinite(item[1])
        )
    )
    good = kept.good_before(error.step)
    return errors.UserError(
        f"The loss is not finite at step {error.step}: {terms}. "
        + (
            f"The last good checkpoint is {good}. "
            if good
            else "No checkpoint is known to be good. "
        )
        + "Lower --learning_rate_start (in mixed_float16, float32 may do) and "
        "train in a new --workdir."
    )
