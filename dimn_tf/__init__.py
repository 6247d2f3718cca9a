"""Generalizable person re-identification with DIMN (CVPR 2019) in TensorFlow.

>>> import dimn_tf
>>> model = dimn_tf.load("exports/small")
>>> model.embed(["a.jpg", "b.jpg"]).shape
(2, 1280)

The names below are imported where they are used first, so that `import dimn_tf` itself
takes no time.
"""

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from dimn_tf.errors import UserError
    from dimn_tf.evaluation.ranking import evaluate_ranking
    from dimn_tf.gallery.entries import Entry
    from dimn_tf.gallery.filters import Filter
    from dimn_tf.gallery.gallery import Gallery
    from dimn_tf.gallery.places import open_gallery
    from dimn_tf.model import Comparison, Model, Vectors, load

_PLACES = {
    "Comparison": "dimn_tf.model",
    "Entry": "dimn_tf.gallery.entries",
    "Filter": "dimn_tf.gallery.filters",
    "Gallery": "dimn_tf.gallery.gallery",
    "Model": "dimn_tf.model",
    "UserError": "dimn_tf.errors",
    "Vectors": "dimn_tf.model",
    "evaluate_ranking": "dimn_tf.evaluation.ranking",
    "load": "dimn_tf.model",
    "open_gallery": "dimn_tf.gallery.places",
}

__all__ = [
    "Comparison",
    "Entry",
    "Filter",
    "Gallery",
    "Model",
    "UserError",
    "Vectors",
    "evaluate_ranking",
    "load",
    "open_gallery",
]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(importlib.import_module(_PLACES[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
