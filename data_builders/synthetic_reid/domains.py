"""The rendered camera networks: each domain's cameras and what can hide a person."""

import dataclasses
import math

from data_builders.synthetic_reid.camera import Camera

_FRONT, _BACK, _RIGHT, _LEFT = 0.0, math.pi, math.pi / 2, -math.pi / 2


@dataclasses.dataclass(frozen=True)
class Domain:
    """A camera network and the people who walk through it.

    Attributes:
        name: Also the builder config's name.
        number: Distinct for each domain; person ids are `number` * 1000 + 1, ...
        scene: A key of `scenery.SCENES`.
        size: Width and height of its images, pixels.
        identities: How many people; each is seen by every camera.
        shots: Images of a person from one camera.
        cameras: In the order of their numbers, from 1.
        occluders: Keys of `occluders.OCCLUDERS`.
        occlusion: Share of the images in which one of them stands in the way.
        description: One line.
    """

    name: str
    number: int
    scene: str
    size: tuple[int, int]
    identities: int
    shots: int
    cameras: tuple[Camera, ...]
    occluders: tuple[str, ...]
    occlusion: float
    description: str

    @property
    def images(self) -> int:
        """Images of the whole domain."""
        return self.identities * self.shots * len(self.cameras)


_ALL = (
    Domain(
        name="plaza",
        number=1,
        scene="plaza",
        size=(64, 128),
        identities=150,
        shots=2,
        cameras=(
            Camera(_FRONT, gains=(1.08, 1.02, 0.9), exposure=1.15, side_light=0.5),
            Camera(_BACK, gains=(0.88, 0.98, 1.14), exposure=0.95, side_light=-0.5),
            Camera(_RIGHT, gains=(1.0, 1.0, 1.0), exposure=0.7, gamma=1.2, tilt=0.5),
            Camera(_LEFT, gains=(1.1, 1.0, 0.86), contrast=1.25, ground=0.66),
        ),
        occluders=("bollard", "passer_by", "bin"),
        occlusion=0.15,
        description="A sunlit square: stone, shop fronts, hard light.",
    ),
    Domain(
        name="station",
        number=2,
        scene="station",
        size=(56, 112),
        identities=150,
        shots=4,
        cameras=(
            Camera(
                _FRONT, gains=(0.86, 1.08, 0.94), tilt=0.8, ground=0.42, gamma=1.1,
                saturation=0.8, blur=0.6, noise=5.0, quality=75,
            ),
            Camera(
                _BACK, gains=(1.04, 0.98, 1.06), tilt=0.6, ground=0.5, exposure=0.66,
                contrast=0.9, saturation=0.9, blur=0.5, noise=6.0, quality=75,
            ),
        ),
        occluders=("rail", "pillar", "passer_by"),
        occlusion=0.25,
        description="Platforms under fluorescent tubes, seen from above.",
    ),
    Domain(
        name="mall",
        number=3,
        scene="mall",
        size=(64, 128),
        identities=150,
        shots=2,
        cameras=(
            Camera(_FRONT, gains=(1.16, 1.0, 0.78), saturation=1.2, gamma=0.85),
            Camera(_RIGHT, gains=(1.02, 1.0, 0.96), exposure=0.85, contrast=1.2),
            Camera(_BACK, gains=(1.06, 0.9, 1.02), gamma=0.8, contrast=0.8, tilt=0.5),
        ),
        occluders=("plant", "passer_by", "bin"),
        occlusion=0.2,
        description="Warm indoor light, bright shop windows, a polished floor.",
    ),
    Domain(
        name="alley",
        number=4,
        scene="alley",
        size=(40, 80),
        identities=150,
        shots=3,
        cameras=(
            Camera(
                _LEFT, gains=(1.24, 0.98, 0.62), exposure=0.62, contrast=0.85,
                detail=0.7, blur=0.4, noise=8.0, quality=70, drift=0.2,
            ),
            Camera(
                _BACK, gains=(0.84, 0.98, 1.2), exposure=0.58, contrast=1.1,
                detail=0.75, blur=0.5, noise=7.0, quality=70, drift=0.2,
            ),
        ),
        occluders=("bin", "bollard", "pillar"),
        occlusion=0.2,
        description="Brick walls at dusk, few pixels, a sodium lamp.",
    ),
    Domain(
        name="campus",
        number=5,
        scene="campus",
        size=(60, 120),
        identities=150,
        shots=3,
        cameras=(
            Camera(_FRONT, gains=(0.94, 1.06, 0.92), side_light=0.4, drift=0.25),
            Camera(_RIGHT, gains=(1.06, 1.0, 0.88), exposure=1.2, contrast=0.8),
            Camera(_BACK, gains=(0.82, 0.98, 1.16), exposure=0.8, drift=0.25),
        ),
        occluders=("bush", "passer_by", "bollard"),
        occlusion=0.3,
        description="Paths between lawns and trees under changing clouds.",
    ),
    Domain(
        name="night_market",
        number=6,
        scene="night_market",
        size=(48, 96),
        identities=120,
        shots=2,
        cameras=(
            Camera(
                _FRONT, yaw_spread=0.7, gains=(1.3, 0.94, 0.66), exposure=0.8,
                contrast=1.15, side_light=0.6, drift=0.25, noise=8.0, blur=0.5,
                quality=80, ground=0.58,
            ),
            Camera(
                _BACK, yaw_spread=0.9, gains=(0.84, 0.92, 1.3), exposure=0.7,
                contrast=0.9, side_light=-0.6, drift=0.25, noise=9.0, blur=0.6,
                quality=80, tilt=0.5, ground=0.54,
            ),
        ),
        occluders=("passer_by", "bin", "plant"),
        occlusion=0.3,
        description="Stalls and lanterns at night, a crowd; unseen in training.",
    ),
)

DOMAINS: dict[str, Domain] = {domain.name: domain for domain in _ALL}
"""All domains by name."""

SOURCES = ("plaza", "station", "mall", "alley", "campus")
"""Domains that the demo trains on."""
TARGETS = ("night_market",)
"""Domains that the demo never trains on."""
