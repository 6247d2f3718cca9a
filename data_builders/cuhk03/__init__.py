"""The cuhk03 data set: see README.md."""
