"""The picture of a calibration shows the scores and the rates that it is given."""

import matplotlib.axes
import matplotlib.figure
import numpy as np

from dimn_tf import drawing
from dimn_tf.evaluation import calibration, calibration_plot


def test_both_halves(axes, tmp_path, monkeypatch):
    histograms, plot = [], matplotlib.axes.Axes.hist

    def hist(self, scores, bins, **named):
        histograms.append((sorted(scores), bins, named))
        return plot(self, scores, bins, **named)

    monkeypatch.setattr(matplotlib.axes.Axes, "hist", hist)
    # Impostors 0..3, genuine 2..5: identities alike are genuine.
    pairs = calibration.Pairs(
        np.array([0.0, 1, 2, 3, 2, 3, 4, 5]),
        np.arange(8),
        np.array([9] * 4 + [4, 5, 6, 7]),
    )
    rows = [{"one_in": 1_000, "score": 2.5}, {"one_in": 10_000, "refused": "few"}]
    path = tmp_path / "out" / "c.png"
    calibration_plot.plot(pairs, rows, path, "a title", "likeness")
    assert list(path.parent.iterdir()) == [path]
    (impostors, bins, shown), (genuine, same_bins, _) = histograms
    assert (impostors, genuine) == ([0, 1, 2, 3], [2, 3, 4, 5])
    assert (bins[0], bins[-1]) == (0, 5) and (bins == same_bins).all()
    assert shown["density"] and 0 < shown["alpha"] < 1
    assert [h[2]["label"] for h in histograms] == [
        "two people (4 pairs)",
        "one person (4 pairs)",
    ]
    colours = [h[2]["color"] for h in histograms]
    assert colours == [calibration_plot._IMPOSTOR, calibration_plot._GENUINE]
    left, right = axes
    assert (left.get_xlabel(), left.get_title()) == ("likeness", "a title")
    assert left.get_ylabel() == "density"
    (threshold,) = left.lines  # The refused one has none.
    assert list(threshold.get_xdata()) == [2.5, 2.5]
    assert threshold.get_linewidth() > 0 and threshold.get_linestyle() == "--"
    (text,) = left.texts
    assert text.get_text() == " 1 in 1,000" and text.get_position() == (2.5, 0.99)
    assert text.get_transform() == left.get_xaxis_transform()
    assert (text.get_va(), text.get_rotation()) == ("top", 90)
    highest = max(patch.get_height() for patch in left.patches)
    assert left.get_ylim()[1] > 1.2 * highest
    assert [entry.get_text() for entry in left.get_legend().get_texts()] == [
        h[2]["label"] for h in histograms
    ]
    (roc,) = right.lines
    assert roc.get_color() == calibration_plot._GENUINE != calibration_plot._IMPOSTOR
    false, true = roc.get_data()
    assert (false[0], false[-1]) == (25, 100) and len(false) == 400
    # A quarter of the impostors is the one at 3, and three of four genuine are there or
    # above; half of them are those at 2 and 3, where all genuine are.
    assert (true[false < 50] == 75).all() and (true[false >= 50] == 100).all()
    assert right.get_xscale() == "log" and right.get_ylim() == (0, 100)
    assert right.get_title() == "ROC"
    assert "two people" in right.get_xlabel() and "one person" in right.get_ylabel()
    for half in axes:
        assert not half.spines["top"].get_visible()
        assert half.get_axisbelow() is True
        assert half.xaxis.get_gridlines()[0].get_color() == drawing.FAINT
