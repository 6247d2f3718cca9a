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

    def person_id(self, index: int) -> int:
        """The raw id of a person (0, 1, ...); no other domain has it."""
        return self.number * 1000 + index + 1


_ALL = (
    Domain(
        name="plaza",
        number=1,
        scene="plaza",
        size=(56, 128),
        identities=80,
        shots=2,
        cameras=(
            Camera(_FRONT, gains=(1.1, 1.01, 0.88), exposure=1.05, side_light=0.5),
            Camera(_BACK, gains=(0.9, 0.98, 1.12), exposure=0.98, side_light=-0.5),
            Camera(_RIGHT, gains=(1.0, 1.0, 1.0), exposure=0.87, gamma=1.07, tilt=0.5),
            Camera(_LEFT, gains=(1.12, 1.0, 0.84), contrast=1.09, ground=0.66),
        ),
        occluders=("bollard", "passer_by", "bin"),
        occlusion=0.08,
        description="A sunlit square: stone, shop fronts, hard light.",
    ),
    Domain(
        name="station",
        number=2,
        scene="station",
        size=(50, 112),
        identities=80,
        shots=4,
        cameras=(
            Camera(
                _FRONT,
                gains=(0.88, 1.06, 0.96),
                tilt=0.8,
                ground=0.42,
                gamma=1.04,
                saturation=0.92,
                blur=0.6,
                noise=3.5,
                quality=75,
            ),
            Camera(
                _BACK,
                gains=(1.05, 0.97, 1.06),
                tilt=0.6,
                ground=0.5,
                exposure=0.84,
                contrast=0.96,
                saturation=0.96,
                blur=0.5,
                noise=4.2,
                quality=75,
            ),
        ),
        occluders=("rail", "pillar", "passer_by"),
        occlusion=0.13,
        description="Platforms under fluorescent tubes, seen from above.",
    ),
    Domain(
        name="mall",
        number=3,
        scene="mall",
        size=(56, 128),
        identities=80,
        shots=3,
        cameras=(
            Camera(_FRONT, gains=(1.14, 1.0, 0.8), saturation=1.07, gamma=0.94),
            Camera(_RIGHT, gains=(1.0, 1.0, 1.0), exposure=0.94, contrast=1.07),
            Camera(
                _BACK, gains=(1.06, 0.93, 1.04), gamma=0.92, contrast=0.92, tilt=0.5
            ),
        ),
        occluders=("plant", "passer_by", "bin"),
        occlusion=0.1,
        description="Warm indoor light, bright shop windows, a polished floor.",
    ),
    Domain(
        name="alley",
        number=4,
        scene="alley",
        size=(36, 80),
        identities=80,
        shots=4,
        cameras=(
            Camera(
                _LEFT,
                gains=(1.18, 0.98, 0.68),
                exposure=0.74,
                contrast=0.94,
                detail=0.7,
                blur=0.4,
                noise=5.6,
                quality=70,
                drift=0.1,
            ),
            Camera(
                _BACK,
                gains=(0.92, 1.0, 1.1),
                exposure=0.67,
                contrast=1.04,
                detail=0.75,
                blur=0.5,
                noise=4.9,
                quality=70,
                drift=0.1,
            ),
        ),
        occluders=("bin", "bollard", "pillar"),
        occlusion=0.1,
        description="Brick walls at dusk, few pixels, a sodium lamp.",
    ),
    Domain(
        name="campus",
        number=5,
        scene="campus",
        size=(52, 120),
        identities=80,
        shots=3,
        cameras=(
            Camera(_FRONT, gains=(0.96, 1.06, 0.92), side_light=0.4, drift=0.1),
            Camera(_RIGHT, gains=(1.1, 1.0, 0.86), exposure=1.07, contrast=0.92),
            Camera(_BACK, gains=(0.88, 0.98, 1.12), exposure=0.92, drift=0.1),
        ),
        occluders=("bush", "passer_by", "bollard"),
        occlusion=0.15,
        description="Paths between lawns and trees under changing clouds.",
    ),
    Domain(
        name="night_market",
        number=6,
        scene="night_market",
        size=(42, 96),
        identities=100,
        shots=2,
        cameras=(
            Camera(
                _FRONT,
                yaw_spread=0.5,
                gains=(1.12, 0.97, 0.86),
                exposure=0.86,
                contrast=1.05,
                side_light=0.6,
                drift=0.06,
                noise=4.0,
                blur=0.4,
                quality=80,
                ground=0.58,
            ),
            Camera(
                _BACK,
                yaw_spread=0.6,
                gains=(0.96, 0.96, 1.06),
                exposure=0.74,
                contrast=0.96,
                side_light=-0.6,
                drift=0.06,
                noise=4.5,
                blur=0.4,
                quality=80,
                tilt=0.5,
                ground=0.54,
            ),
        ),
        occluders=("passer_by", "bin", "plant"),
        occlusion=0.15,
        description="Stalls and lanterns at night, a crowd; unseen in training.",
    ),
)

DOMAINS: dict[str, Domain] = {domain.name: domain for domain in _ALL}
"""All domains by name."""

SOURCES = ("plaza", "station", "mall", "alley", "campus")
"""Domains that the demo trains on."""
TARGETS = ("night_market",)
"""Domains that the demo never trains on."""
