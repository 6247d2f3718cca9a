"""The market1501 data set: see README.md."""
