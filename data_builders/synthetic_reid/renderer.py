"""Renders the images of a domain, one at a time, from a seed."""

import dataclasses
from collections.abc import Iterator

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from data_builders.synthetic_reid import (
    camera as camera_lib,
)
from data_builders.synthetic_reid import (
    domains,
    figure,
    identity,
    occluders,
    scenery,
)
from data_builders.synthetic_reid import pose as pose_lib

_SCALE = 3
"""Figures are drawn this much larger than the scene, then reduced."""
_SCENE = (56, 128)
"""Width and height of the scene in front of a camera, pixels."""


def _soft_shadow() -> Image.Image:
    """A person's shadow on the ground, as a mask."""
    shadow = Image.new("L", (40, 16))
    ImageDraw.Draw(shadow).ellipse((5, 5, 35, 11), fill=120)
    return shadow.filter(ImageFilter.GaussianBlur(2))


_SHADOW = _soft_shadow()


@dataclasses.dataclass(frozen=True)
class Shot:
    """One rendered image and its labels."""

    person_id: int
    camera_id: int
    number: int
    image: bytes  # A JPEG file.

    @property
    def file_name(self) -> str:
        """A name as an archive would give it: `cam_1/06001_c1_02.jpg`."""
        return (
            f"cam_{self.camera_id}/"
            f"{self.person_id:05d}_c{self.camera_id}_{self.number:02d}.jpg"
        )


class Renderer:
    """Renders one domain.

    The same seed gives the same bytes, whatever was rendered before (with the same
    versions of numpy and pillow): each image has a random stream of its own.

    Args:
        domain: Which.
        seed: Decides the people, the views, and every image.
    """

    def __init__(self, domain: domains.Domain, seed: int = 0):
        self.domain = domain
        self.seed = seed
        self.people = identity.draw_identities(self._rng(0), domain.identities)
        self._views = {
            number: scenery.paint(domain.scene, self._rng(1, number), camera.ground)
            for number, camera in enumerate(domain.cameras, start=1)
        }

    def _rng(self, *key: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, self.domain.number, *key])

    def shots(self, camera_id: int) -> Iterator[Shot]:
        """All images of one camera (1, 2, ...), person by person."""
        for index in range(self.domain.identities):
            for number in range(1, self.domain.shots + 1):
                yield self.shot(index, camera_id, number)

    def shot(self, index: int, camera_id: int, number: int) -> Shot:
        """One image: of `people[index]`, its `number`-th by that camera."""
        rng = self._rng(2, index, camera_id, number)
        camera = self.domain.cameras[camera_id - 1]
        scene = self._backdrop(camera_id, rng)
        self._place(scene, self.people[index], camera, rng)
        picture = camera_lib.expose(scene, camera, self.domain.size, rng)
        return Shot(
            person_id=self.domain.person_id(index),
            camera_id=camera_id,
            number=number,
            image=camera_lib.encode(picture, camera.quality),
        )

    def _backdrop(self, camera_id, rng) -> Image.Image:
        """The part of the camera's view that the box around a person shows."""
        view = self._views[camera_id]
        height = float(rng.uniform(0.86, 1.0)) * view.height
        width = height * _SCENE[0] / _SCENE[1]
        left = float(rng.uniform(0.0, view.width - width))
        top = float(rng.uniform(0.0, view.height - height))
        box = (left, top, left + width, top + height)
        return view.resize(_SCENE, Image.Resampling.BILINEAR, box)

    def _place(self, scene, person, camera, rng) -> None:
        """Puts the person, a shadow and perhaps an occluder into the scene."""
        size = (_SCENE[0] * _SCALE, _SCENE[1] * _SCALE)
        layer = Image.new("RGBA", size)
        pose = pose_lib.draw_pose(rng, camera.yaw, camera.yaw_spread, camera.tilt)
        # A detector's box is never quite centred, nor quite the right size.
        feet = (
            size[0] * (0.5 + float(rng.normal(0.0, 0.04))),
            size[1] * float(rng.uniform(0.945, 0.985)),
        )
        height = size[1] * float(rng.uniform(0.88, 0.98))
        figure.draw_figure(layer, person, pose, feet, height)
        x = round(feet[0] / _SCALE + 6 * camera.side_light - _SHADOW.width / 2)
        y = round(feet[1] / _SCALE - _SHADOW.height / 2)
        scene.paste((0, 0, 0), (x, y), _SHADOW)
        self._paste(scene, layer, camera)
        if rng.random() < self.domain.occlusion:
            layer = Image.new("RGBA", size)
            occluders.draw_occluder(layer, self.domain.occluders, rng)
            self._paste(scene, layer, camera)

    @staticmethod
    def _paste(scene, layer, camera) -> None:
        """Reduces a layer, smooths its edges, gives it light, and puts it on top."""
        small = layer.reduce(_SCALE)
        scene.paste(camera_lib.shade(small, camera.side_light), (0, 0), small)
