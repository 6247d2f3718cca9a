"""The QMUL GRID data set: see README.md."""

from data_builders.grid.folds import load_folds

__all__ = ["load_folds"]
