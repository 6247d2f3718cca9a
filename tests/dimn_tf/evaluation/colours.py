"""The plainest method: an image's feature is its colour."""

import numpy as np


class Colours:
    """Bare features, scored by squared distance."""

    def encode(self, images):
        return np.asarray(images)[:, 4, 2, :]

    def probe_representation(self, features):
        return features

    gallery_representation = probe_representation

    def held_gallery(self, representations):
        return representations

    def score(self, probes, gallery):
        return -((probes[:, None] - gallery[None]) ** 2).sum(-1)
