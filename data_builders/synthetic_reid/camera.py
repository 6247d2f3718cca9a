"""What a camera makes of a scene: light, colour, sharpness and noise."""

import dataclasses
import io

import numpy as np
from PIL import Image, ImageChops, ImageFilter


@dataclasses.dataclass(frozen=True)
class Camera:
    """One camera of a domain.

    Attributes:
        yaw: Usual direction of the passers-by, radians (see `pose.Pose.yaw`).
        yaw_spread: Standard deviation of it.
        tilt: How far the camera looks down, 0..1.
        ground: Share of the height at which the ground begins, 0..1.
        gains: Factors of red, green and blue: the colour of light and sensor.
        exposure: Factor of the brightness.
        gamma: Exponent of the tone curve (> 1 darkens the middle tones).
        contrast: Factor about middle grey.
        saturation: 0 = grey, 1 = as it is.
        side_light: Strength of the shading from one side, 0..1; its sign is the side.
        drift: Standard deviation, from shot to shot, of the logarithms of
            exposure and of each gain: clouds, lamps, time of the day.
        blur: Radius in pixels of the image.
        detail: Share of the image's pixels that the sensor really had, 0..1.
        noise: Standard deviation, grey levels.
        quality: Of the JPEG file, 1..95.
    """

    yaw: float
    yaw_spread: float = 0.4
    tilt: float = 0.2
    ground: float = 0.6
    gains: tuple[float, float, float] = (1.0, 1.0, 1.0)
    exposure: float = 1.0
    gamma: float = 1.0
    contrast: float = 1.0
    saturation: float = 1.0
    side_light: float = 0.2
    drift: float = 0.1
    blur: float = 0.3
    detail: float = 1.0
    noise: float = 2.0
    quality: int = 90


def shade(figure: Image.Image, side_light: float) -> Image.Image:
    """Gives a flat figure its roundness.

    Where the silhouette, made soft and moved towards the light, thins out, the
    figure turns away from the light.

    Args:
        figure: RGBA, flat colours.
        side_light: See `Camera`.

    Returns:
        RGB.
    """
    small = figure.getchannel("A").reduce(4)
    soft = np.asarray(small, np.float32) / 255.0
    padded = np.pad(soft, 1, mode="edge")
    across = padded[1:-1, :-2] - padded[1:-1, 2:]
    light = 0.6 + 0.4 * soft + 0.4 * side_light * across
    levels = np.clip(np.rint(light * 255.0), 0, 255).astype(np.uint8)
    field = Image.fromarray(levels).resize(figure.size, Image.Resampling.BICUBIC)
    return ImageChops.multiply(
        figure.convert("RGB"), Image.merge("RGB", (field, field, field))
    )


def expose(
    scene: Image.Image, camera: Camera, size: tuple[int, int], rng: np.random.Generator
) -> Image.Image:
    """The picture that the camera takes of a scene.

    Args:
        scene: RGB.
        camera: Which.
        size: Width and height of the picture, pixels.
        rng: Decides this shot's drift and noise.
    """
    width, height = size
    sensor = (round(width * camera.detail), round(height * camera.detail))
    picture = scene.resize(sensor, Image.Resampling.BOX)
    if camera.blur:
        picture = picture.filter(ImageFilter.GaussianBlur(camera.blur))
    pixels = np.asarray(picture, np.float32) / 255.0
    exposure = camera.exposure * np.exp(rng.normal(0.0, camera.drift))
    gains = np.asarray(camera.gains) * np.exp(rng.normal(0.0, camera.drift, size=3))
    if camera.saturation != 1.0:
        grey = pixels.mean(axis=-1, keepdims=True)
        pixels = grey + (pixels - grey) * np.float32(camera.saturation)
    pixels = np.clip(pixels * np.float32(exposure * gains), 0.0, 1.0)
    pixels **= np.float32(camera.gamma)
    pixels = (pixels - 0.5) * camera.contrast + 0.5
    noise = rng.standard_normal(size=pixels.shape, dtype=np.float32)
    levels = np.rint((pixels + noise * (camera.noise / 255.0)) * 255.0)
    levels = np.clip(levels, 0, 255).astype(np.uint8)
    return Image.fromarray(levels).resize(size, Image.Resampling.BILINEAR)


def encode(picture: Image.Image, quality: int) -> bytes:
    """The picture as a JPEG file."""
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()
