"""The CMC plot shows the curves it is given."""

import matplotlib.axes
import matplotlib.colors
import matplotlib.figure
import numpy as np
import PIL.Image

from dimn_tf import drawing
from dimn_tf.evaluation import cmc_plot


def test_lines_are_the_mean_curves(made_up_results, tmp_path, monkeypatch):
    lines, bands = {}, []
    plot, fill = matplotlib.axes.Axes.plot, matplotlib.axes.Axes.fill_between

    def plotted(self, x, y, *args, **options):
        lines[options["label"]] = (x, y)
        return plot(self, x, y, *args, **options)

    def filled(self, x, low, high, **options):
        bands.append((low, high))
        return fill(self, x, low, high, **options)

    monkeypatch.setattr(matplotlib.axes.Axes, "plot", plotted)
    monkeypatch.setattr(matplotlib.axes.Axes, "fill_between", filled)
    evaluated = made_up_results(["viper", "prid"])
    path = tmp_path / "out" / "cmc.png"
    cmc_plot.plot(evaluated, path, "made up")
    assert len(lines) == 2
    for (label, (ranks, curve)), (low, high), result in zip(
        lines.items(), bands, evaluated, strict=True
    ):
        np.testing.assert_array_equal(ranks, np.arange(1, 21))
        firsts = np.array([r.first_match_ranks for r in result.rankings["method"]])
        shares = 100 * (firsts[:, :, None] <= ranks).mean(axis=1)
        np.testing.assert_allclose(curve, shares.mean(axis=0))
        np.testing.assert_allclose(
            high - curve, np.minimum(shares.std(axis=0), 100 - curve)
        )
        assert (low <= curve).all()
        assert label.startswith(f"{result.target.name}  (rank-1 {curve[0]:.1f}, mAP ")
        assert "20 vs 20" in label
    with PIL.Image.open(path) as image:
        assert image.size[0] > 800
        assert len(image.convert("RGB").getcolors(1 << 20)) > 50
    assert list(path.parent.iterdir()) == [path]


def test_a_name_that_is_a_formula_or_no_text_is_shown_as_it_is(
    made_up_results, tmp_path
):
    names = [r"reid_folder:$\x$", "reid_folder:b\udcf6"]
    path = tmp_path / "cmc.png"
    cmc_plot.plot(made_up_results(names), path, r"$\y")
    assert path.is_file()
    assert cmc_plot._plain("a$b\udcf6") == r"a\$b\udcf6"


def test_axes_and_legend_say_what_is_shown(made_up_results, tmp_path, monkeypatch):
    kept, save = [], matplotlib.figure.Figure.savefig

    def saved(self, *given, **named):
        kept.append(self)
        return save(self, *given, **named)

    monkeypatch.setattr(matplotlib.figure.Figure, "savefig", saved)
    evaluated = made_up_results(["viper", "prid"])
    cmc_plot.plot(evaluated[:1], tmp_path / "one.png", "a title")
    cmc_plot.plot(evaluated, tmp_path / "two.png", "a title")
    for figure, columns, results in zip(
        kept, (1, 2), (evaluated[:1], evaluated), strict=True
    ):
        (axes,), (legend,) = figure.axes, figure.legends
        assert (axes.get_xlabel(), axes.get_title("left")) == ("rank k", "a title")
        assert axes.get_ylabel().startswith("probes with a true match")
        assert axes.get_xlim() == (0.5, 20.5) and axes.get_ylim() == (0, 100)
        assert axes.get_xticks().tolist() == [1, 5, 10, 15, 20]
        assert axes.get_yticks()[:2].tolist() in ([0, 20], [-20, 0])
        assert not axes.spines["top"].get_visible() and axes.get_axisbelow() is True
        assert axes.xaxis.get_gridlines()[0].get_color() == drawing.FAINT
        assert legend._ncols == columns and not legend.get_frame_on()
        assert legend._outside_loc == "lower"
        aps = [
            100 * np.mean([r.mean_average_precision for r in x.rankings["method"]])
            for x in results
        ]
        for text, ap in zip(legend.get_texts(), aps, strict=True):
            assert f", mAP {ap:.1f}; 20 vs 20)" in text.get_text()


def test_a_targets_line_and_band_have_its_colour(
    made_up_results, tmp_path, monkeypatch
):
    kept, save = [], matplotlib.figure.Figure.savefig

    def saved(self, *given, **named):
        kept.append(self)
        return save(self, *given, **named)

    monkeypatch.setattr(matplotlib.figure.Figure, "savefig", saved)
    names = [f"synthetic_reid/{i}" for i in range(7)]
    evaluated = made_up_results(names, persons=4, trial_count=1)
    cmc_plot.plot(evaluated, tmp_path / "seven.png", "a title")
    (axes,) = kept[0].axes
    lines, bands = axes.lines, axes.collections
    colours = [line.get_color() for line in lines]
    assert colours == [*drawing.COLOURS, drawing.COLOURS[0]]
    assert len(set(drawing.COLOURS)) == 6
    for line, band in zip(lines, bands, strict=True):
        shown = matplotlib.colors.to_rgb(line.get_color())
        assert tuple(band.get_facecolor()[0][:3]) == shown
        assert 0 < band.get_alpha() < 0.5  # The lines are seen through it.
    # What has a colour again is dashed.
    assert [line.get_linestyle() for line in lines] == ["-"] * 6 + ["--"]
