"""Flags against the option dataclasses, and the flag files against the paper."""

import dataclasses
import pathlib

import pytest
from absl import flags as absl_flags

from dimn_tf import config, errors, methods
from dimn_tf.training import recipe
from experiments import flags

ROOT = pathlib.Path(__file__).resolve().parents[2]
FLAG_FILES = sorted(path.name for path in ROOT.glob("*.flags"))


@pytest.fixture
def parse(monkeypatch):
    """Parses a command line into a fresh set of flags; returns the recipe."""
    values = absl_flags.FlagValues()
    monkeypatch.setattr(flags, "FLAGS", values)
    for name in ("string", "list", "bool", "integer", "float", "enum"):
        define = getattr(absl_flags, f"DEFINE_{name}")
        monkeypatch.setattr(
            absl_flags,
            f"DEFINE_{name}",
            lambda *args, define=define, **kw: define(*args, flag_values=values, **kw),
        )
    define = absl_flags.DEFINE
    monkeypatch.setattr(
        absl_flags, "DEFINE", lambda *a, **kw: define(*a, flag_values=values, **kw)
    )
    monkeypatch.setattr(absl_flags, "mark_flag_as_required", lambda name: None)
    flags.define_run()
    for name in (
        "results_dir",
        "more_seeds",
    ):  # Of `compare`, whose files these are too.
        absl_flags.DEFINE_list(name, [], "")

    def parsed(*arguments):
        values(["train", *arguments])
        return flags.run_recipe()

    monkeypatch.chdir(ROOT)
    parsed.flags_alone = lambda *arguments: values(["compare", *arguments])
    return parsed


def test_flags_default_to_the_dataclasses(parse):
    options = parse()
    assert options == recipe.Recipe("dimn", methods.DIMN.Options())


def test_every_kind_of_value_is_read(parse):
    options = parse(
        "--method=aggregation",
        "--sources=cuhk02/partial,viper",
        "--classifier_bias",
        "--train_steps=7",
        "--weight_decay=0.5",
        "--precision=mixed_float16",
        "--augment_hue=0.1",
    )
    assert isinstance(options.method_options, methods.Aggregation.Options)
    assert options.method_options.classifier_bias is True
    assert options.data.sources == ("cuhk02/partial", "viper")
    assert options.optimiser.train_steps == 7
    assert options.optimiser.weight_decay == 0.5
    assert options.optimiser.precision == "mixed_float16"
    assert options.augmentation.hue == 0.1


def test_the_baseline_takes_options_of_dimn_at_their_defaults_only(parse):
    parse("--flagfile=dg.flags", "--method=aggregation", "--nomapping_bias")
    with pytest.raises(errors.UserError) as caught:
        parse("--method=aggregation", "--triplet_margin=0.5")
    text = str(caught.value)
    assert text.startswith("--triplet_margin=0.5: --method=aggregation has no such")
    assert "dimn has" in text and "--triplet_margin=0.8" in text


def test_a_method_has_defaults_of_its_own_which_a_given_flag_overrides(parse):
    assert parse().data.domain_sampling == "uniform"
    mixed = parse("--method=aggregation")
    assert mixed.data.domain_sampling == "all"
    assert mixed.recorded()["domain_sampling"] == "all"
    text = flags.FLAGS["domain_sampling"].help
    assert "(--method=aggregation: all" in text
    # Also where it is what the flag was defined with.
    given = parse("--method=aggregation", "--domain_sampling=uniform")
    assert given.data.domain_sampling == "uniform"


def test_the_benchmark_mixes_domains_for_the_baseline(parse):
    for name in FLAG_FILES:
        if not name.startswith(("demo", "compare", "fewshot")):
            # What is DIMN's alone is taken back, as README's command does.
            back = ("--logit_scale=1", "--nonormalise_probes")
            own = back if name.endswith("strong.flags") else ()
            found = parse(f"--flagfile={name}", "--method=aggregation", *own)
            assert found.data.domain_sampling == "all", name


def test_of_two_methods_with_one_flag_each_has_its_own_default(parse, monkeypatch):
    @dataclasses.dataclass(frozen=True)
    class Options:
        label_smoothing: float = config.option(0.1, "Other by default.")

    other = type("Other", (methods.Aggregation,), {"Options": Options})
    monkeypatch.setitem(methods.METHODS, "aggregation", other)
    assert parse("--method=aggregation").method_options.label_smoothing == 0.1
    assert parse("--method=dimn").method_options.label_smoothing == 0


@pytest.mark.parametrize(
    ("name", "least"),
    [("gallery_images", 0), ("evaluation_batch_size", 1), ("ranked_probes", 0)],
)
def test_an_evaluations_flags_are_looked_at_too(name, least, parse):
    parse(f"--{name}={least}")
    assert getattr(flags.evaluation(), name) == least
    parse(f"--{name}={least - 1}")
    told = f"^--{name}={least - 1}: expected at least {least}"
    with pytest.raises(errors.UserError, match=told):
        flags.evaluation()


def test_recorded_values_give_the_same_options(parse):
    options = parse("--flagfile=dg_small.flags", "--seed=5", "--triplet_margin=0.3")
    recorded = options.recorded()
    assert recorded["seed"] == 5 and recorded["triplet_margin"] == 0.3
    again = recipe.from_values(recorded)
    assert again.recorded() == recorded
    assert again.method_options == options.method_options


def test_every_option_that_changes_the_result_is_recorded(parse):
    options = parse()
    recorded = options.recorded()
    for prefix, groups in options.parts().items():
        for group in groups:
            for field in dataclasses.fields(group):
                expected = field.metadata["changes_result"]
                assert (prefix + field.name in recorded) == expected, field.name


def test_dg_flags_hold_the_papers_values(parse):
    options = parse("--flagfile=dg.flags")
    assert options.method == "dimn"
    assert options.data.sources == (
        "cuhk02",
        "cuhk03",
        "dukemtmc_reid",
        "market1501",
        "cuhk_sysu",
    )
    assert flags.FLAGS.targets == ["viper", "prid", "grid", "ilids"]
    assert (options.data.image_height, options.data.image_width) == (256, 128)
    assert options.encoder.encoder == "mobilenet_v2"
    assert options.encoder.encoder_width == 1.4
    rate = options.optimiser
    assert rate.train_steps == 180_000
    assert (rate.learning_rate_start, rate.learning_rate_end) == (3.5e-4, 1e-4)
    assert options.data.identities_per_batch == 32
    chosen = options.method_options
    assert chosen.running_average == 0.5 and chosen.triplet_margin == 0.8
    assert chosen.matching_weight == chosen.triplet_weight == 1
    assert chosen.regularisation_weight == 0.01
    assert chosen.identified_branches == "probe"


def test_dg_without_duke_differs_in_duke_alone(parse):
    whole = parse("--flagfile=dg.flags").recorded()
    less = parse("--flagfile=dg_without_duke.flags").recorded()
    assert {k for k in whole if whole[k] != less[k]} == {"sources"}
    assert set(whole["sources"]) - set(less["sources"]) == {"dukemtmc_reid"}


def test_the_small_comparison_is_dg_small_for_all_rows(parse):
    single = parse("--flagfile=dg_small.flags").recorded()
    parse.flags_alone("--flagfile=compare_small.flags")
    assert flags.FLAGS.mldg_whole_batches and flags.FLAGS.pcb_dropout == 0
    assert flags.FLAGS.reptile_inner_steps == 8
    assert flags.FLAGS.crossgrad_epsilon == 10
    # One method's alone, to `compare`.
    others = (
        "--nomldg_whole_batches",
        "--pcb_dropout=0.5",
        "--nopcb_own_reductions",
        "--reptile_inner_steps=2",
        "--crossgrad_epsilon=1",
    )
    compared = parse("--flagfile=compare_small.flags", *others)
    assert compared.train_steps == single["train_steps"]
    assert compared.recorded() == {**single, "train_images": 256_000}
    more = ["dimn:1", "aggregation:1", "dimn_no_running_average:1"]
    assert flags.FLAGS.more_seeds == more


def test_the_comparison_is_the_papers_benchmark_for_all_rows(parse):
    compared = parse("--flagfile=compare.flags")
    for method, size in {"pcb": (384, 128), "aligned_reid": (256, 128)}.items():
        found = parse("--flagfile=compare.flags", f"--method={method}")
        assert (found.encoder.encoder, found.encoder.encoder_width) == ("resnet50", 1)
        assert found.encoder.encoder_stride == (16 if method == "pcb" else 0)
        assert (found.data.image_height, found.data.image_width) == size
    single = parse("--flagfile=dg.flags", "--method=dimn")
    assert compared.train_steps == single.train_steps
    expected = {**single.recorded(), "train_images": 180_000 * 64}
    assert compared.recorded() == expected


STRONG = {
    "instance_norm_through", "feature_neck", "encoder_stride", "normalise_probes",
    "logit_scale", "label_smoothing", "learning_rate_start", "learning_rate_end",
    "learning_rate_decay", "warmup_steps", "average_weights_from",
    "augment_crop_padding", "mirror",
}  # fmt: skip


@pytest.mark.parametrize("name", ["dg", "dg_small"])
def test_the_strong_forms_have_our_options_and_no_other_data(name, parse):
    plain = parse(f"--flagfile={name}.flags")
    strong = parse(f"--flagfile={name}_strong.flags")
    assert strong.encoder.mirror and not plain.encoder.mirror
    assert (strong.data.sources, strong.train_steps) == (
        plain.data.sources,
        plain.train_steps,
    )
    held, found = plain.recorded(), strong.recorded()
    changed = {option for option in held if held[option] != found[option]}
    if name == "dg":  # Its crops are padded in the plain form too.
        assert changed == STRONG - {"augment_crop_padding"}
    else:
        assert changed == STRONG | {"image_height", "image_width"}


def test_both_strong_forms_have_the_same_values(parse):
    whole = parse("--flagfile=dg_strong.flags").recorded()
    small = parse("--flagfile=dg_small_strong.flags").recorded()
    # Of 180,000 steps the first 2,000 warm up, of 4,000 the first 100.
    assert {o for o in STRONG if whole[o] != small[o]} == {"warmup_steps"}


@pytest.mark.parametrize("name", FLAG_FILES)
def test_flag_files_open_with_command_hardware_time_and_score(name, parse):
    # A comparison's options may be one method's alone; few-shot's are others.
    if not name.startswith("fewshot"):
        alone = name.startswith("compare")
        (parse.flags_alone if alone else parse)(f"--flagfile={name}")
    head = (ROOT / name).read_text().split("\n--")[0]
    for word in ("# Command:", "# Hardware:", "# Time:", "# Score:"):
        assert word in head, word
    assert f"--flagfile={name}" in head


def test_these_are_the_flag_files():
    assert set(FLAG_FILES) == {
        "compare.flags",
        "compare_small.flags",
        "demo.flags",
        "dg.flags",
        "dg_small.flags",
        "dg_small_strong.flags",
        "dg_strong.flags",
        "dg_without_duke.flags",
        "fewshot.flags",
        "fewshot_small.flags",
    }
