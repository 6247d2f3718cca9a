"""From TFDS records to batches of identities, K images of each."""
