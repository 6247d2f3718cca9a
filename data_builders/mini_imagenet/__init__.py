"""The mini_imagenet data set: see README.md."""
