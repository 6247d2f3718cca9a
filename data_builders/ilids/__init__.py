"""The ilids data set: see README.md."""
