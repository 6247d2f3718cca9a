"""The cuhk_sysu data set: see README.md."""
