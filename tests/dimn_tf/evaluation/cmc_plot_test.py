"""The CMC plot shows the curves it is given."""

import matplotlib.axes
import numpy as np
import PIL.Image

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
