"""The viper data set: see README.md."""
