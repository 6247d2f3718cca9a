"""Names and numbers of CUHK03's images, alike in all forms of its archive."""

from data_builders.readers import ImageEntry


def numbers(pair: int, person: int, view: int) -> tuple[int, int]:
    """person_id = 1000 * pair + the pair's number; camera_id = 1 to 10.

    Args:
        pair: camera pair, 1 to 5.
        person: the pair's own number of the person, from 1.
        view: camera within the pair, 1 or 2.
    """
    return 1000 * pair + person, 2 * (pair - 1) + view


def entry(
    half: str, pair: int, person: int, view: int, index: int, ending: str
) -> ImageEntry:
    """The entry of an image under the name that users' extracted copies give it.

    Example: detected, 1, 1, 2, 6, "png" -> "images_detected/1_001_2_06.png".
    """
    name = f"images_{half}/{pair}_{person:03d}_{view}_{index:02d}.{ending}"
    return ImageEntry(name, *numbers(pair, person, view))
