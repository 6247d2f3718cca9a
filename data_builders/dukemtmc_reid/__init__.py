"""The dukemtmc_reid data set: see README.md."""
