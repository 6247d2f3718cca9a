"""The cuhk02 data set: see README.md."""
