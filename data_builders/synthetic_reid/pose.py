"""How a pedestrian stands towards the camera, and where the joints then lie."""

import dataclasses
import math

import numpy as np

Point = tuple[float, float]


@dataclasses.dataclass(frozen=True)
class Pose:
    """One moment of a walk, seen by one camera.

    Attributes:
        yaw: Direction of the walk, radians: 0 towards the camera, pi / 2 to the
            right of the image, pi away from the camera.
        phase: Of the stride, radians.
        stride: Length of the stride, 1 = average.
        tilt: How far the camera looks down, 0..1: the legs get shorter, the head
            larger.
    """

    yaw: float
    phase: float
    stride: float
    tilt: float

    @property
    def from_behind(self) -> bool:
        """Whether the back is what one sees."""
        return math.cos(self.yaw) < 0


@dataclasses.dataclass(frozen=True)
class Limb:
    """Three joints: shoulder, elbow, hand; or hip, knee, ankle."""

    upper: Point
    middle: Point
    lower: Point


@dataclasses.dataclass(frozen=True)
class Skeleton:
    """Joints in units of the person's height; x from the body's axis, y from the top.

    Near limbs lie in front of the trunk, far limbs behind it.
    """

    head: Point
    head_radius: float
    shoulder: float  # Half widths of the trunk.
    waist: float
    hip: float
    shoulder_y: float
    hip_y: float
    sole_y: float  # Where the shoes meet the ground.
    near_arm: Limb
    far_arm: Limb
    near_leg: Limb
    far_leg: Limb


def draw_pose(
    rng: np.random.Generator, yaw: float, yaw_spread: float, tilt: float
) -> Pose:
    """A pose at random around a camera's usual view of the passers-by."""
    return Pose(
        yaw=float(rng.normal(yaw, yaw_spread)),
        phase=float(rng.uniform(0.0, 2.0 * math.pi)),
        stride=float(rng.uniform(0.55, 1.15)),
        tilt=tilt,
    )


def skeleton(pose: Pose, girth: float) -> Skeleton:
    """The joints of a person of this girth in this pose."""
    across, along = abs(math.cos(pose.yaw)), math.sin(pose.yaw)
    swing = math.sin(pose.phase) * pose.stride
    breadth = girth * (across + 0.62 * abs(along)) / max(across + abs(along) * 0.9, 1.0)
    shoulder, hip = 0.128 * breadth, 0.094 * breadth
    legs = 1.0 - 0.16 * pose.tilt
    hip_y = 0.5 + 0.02 * pose.tilt
    foot_y = hip_y + 0.46 * legs
    shoulder_y = 0.17 + 0.015 * pose.tilt

    def leg(side, swing):
        hip_x = side * 0.049 * girth * across
        reach = 0.15 * swing * along
        # Seen from ahead, the foot that is further off stands higher.
        ankle_y = foot_y - 0.03 * max(0.0, -swing) - 0.012 * across * swing
        knee_x = hip_x + 0.55 * reach + 0.025 * along * (1.0 + max(0.0, -swing))
        knee_y = hip_y + (ankle_y - hip_y) * 0.52
        return Limb(
            (hip_x, hip_y),
            (knee_x, knee_y),
            (hip_x + side * 0.008 * across + reach, ankle_y),
        )

    def arm(side, swing):
        top_x = side * (shoulder - 0.022 * girth) * max(across, 0.15)
        reach = 0.1 * swing * along
        out = side * across
        elbow = (top_x + out * 0.022 + reach * 0.4 - 0.012 * along, shoulder_y + 0.165)
        hand_y = shoulder_y + 0.315 - 0.04 * abs(swing) * across
        hand = (top_x + out * 0.026 + reach * 1.3 + 0.02 * along, hand_y)
        return Limb((top_x, shoulder_y + 0.032), elbow, hand)

    near = 1.0 if along < 0 else -1.0
    return Skeleton(
        head=(0.012 * along, 0.072 + 0.012 * pose.tilt),
        head_radius=0.061 * (1.0 + 0.14 * pose.tilt),
        shoulder=shoulder,
        waist=0.09 * breadth,
        hip=hip,
        shoulder_y=shoulder_y,
        hip_y=hip_y,
        sole_y=foot_y + 0.038,
        near_arm=arm(near, -swing),
        far_arm=arm(-near, swing),
        near_leg=leg(near, swing),
        far_leg=leg(-near, -swing),
    )
