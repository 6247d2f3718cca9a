"""From TFDS records to batches of gallery and probe images."""
