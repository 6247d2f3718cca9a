"""Writes a picture of all rendered domains, a row of people for each camera.

python -m data_builders.synthetic_reid.contact_sheet --out=runs/synthetic_reid.png
"""

import argparse
import io
import pathlib

from PIL import Image, ImageDraw

from data_builders.synthetic_reid import domains, renderer

CELL = (80, 160)
_MARGIN = 110


def contact_sheet(people: int = 12, seed: int = 0) -> Image.Image:
    """Draws the sheet: the same people above each other, one row a camera.

    Args:
        people: How many of each domain.
        seed: As given to `renderer.Renderer`.

    Returns:
        RGB.
    """
    rows = []
    for domain in domains.DOMAINS.values():
        render = renderer.Renderer(domain, seed)
        for camera_id in range(1, len(domain.cameras) + 1):
            shots = [render.shot(i, camera_id, 1) for i in range(people)]
            rows.append((f"{domain.name}\ncam_{camera_id}", shots))
    size = (_MARGIN + people * CELL[0], len(rows) * CELL[1])
    sheet = Image.new("RGB", size, (255, 255, 255))
    draw = ImageDraw.Draw(sheet)
    for row, (title, shots) in enumerate(rows):
        draw.text((8, row * CELL[1] + 60), title, fill=(0, 0, 0))
        for column, shot in enumerate(shots):
            picture = Image.open(io.BytesIO(shot.image)).resize(CELL)
            sheet.paste(picture, (_MARGIN + column * CELL[0], row * CELL[1]))
    return sheet


def main() -> None:
    """Writes the sheet to the file that `--out` names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--people", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    contact_sheet(options.people, options.seed).save(options.out)
    print(f"wrote {options.out}")


if __name__ == "__main__":
    main()
