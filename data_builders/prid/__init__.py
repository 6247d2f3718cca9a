"""The prid data set: see README.md."""
