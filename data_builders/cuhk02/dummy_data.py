"""Made-up CUHK02 in the official layout."""

import pathlib

from data_builders import dummy_images

SPLITS = {"p1": 8, "p2": 4, "p3": 4, "p4": 4, "p5": 4}
_PERSONS = {1: (1, 971), 2: (1,), 3: (1,), 4: (1,), 5: (239,)}  # pair -> numbers


def write(manual_dir: pathlib.Path) -> pathlib.Path:
    """Writes the extracted archive and returns its folder."""
    root = manual_dir / "CUHK02"
    names = (
        f"Dataset/P{pair}/cam{camera}/{person:03d}_{index}.png"
        for pair, persons in _PERSONS.items()
        for camera in (1, 2)
        for person in persons
        for index in (1, 2)
    )
    dummy_images.write(root, names)
    return root
