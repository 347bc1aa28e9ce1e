"""Write the rendered toys into class folders, or scenes of them (trainer/inputs/rendered.py and scenes.py).

python examples/rendered.py toys --images 900   # class folders of PNG files, as ImageFolder reads them
python examples/rendered.py toys --sheet a.png  # and one picture with a few of each class
python examples/rendered.py scenes --scenes voc --images 900   # one to four toys each, as a VOC tree (or coco)
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from PIL import Image
from trainer.inputs.rendered import CLASSES, RenderedToys
from trainer.inputs.scenes import Scenes, write_coco, write_voc

TREES = {"voc": write_voc, "coco": write_coco}


def write_folders(root: Path, toys: RenderedToys) -> None:
    """Write the pictures as ``root/<class>/<number>.png``."""
    for name in CLASSES:
        (root / name).mkdir(parents=True, exist_ok=True)
    for number in range(len(toys)):
        image, label = toys[number]
        image.save(root / CLASSES[label] / f"{number:05d}.png")


def contact_sheet(toys: RenderedToys, columns: int = 8) -> Image.Image:
    """The first pictures of each class, a row a class."""
    size = toys.images.shape[1]
    sheet = Image.new("RGB", (columns * size, len(CLASSES) * size))
    for label in range(len(CLASSES)):
        of_class = [index for index, other in enumerate(toys.labels) if other == label]
        for column, index in enumerate(of_class[:columns]):
            sheet.paste(toys[index][0], (column * size, label * size))
    return sheet


def write_scenes(options: argparse.Namespace) -> str:
    """Scenes of the set to learn from, and of the next set to test on; what was written, in a sentence."""
    held_out = options.images if options.held_out is None else options.held_out
    parts = [
        Scenes(count, seed, options.size)
        for count, seed in ((options.images, options.seed), (held_out, options.seed + 1))
    ]
    TREES[options.scenes](options.out, *parts)
    return (
        f"{options.images} scenes to learn from and {held_out} to test on, as {options.scenes} lies, in {options.out}"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the set."""
    parser = argparse.ArgumentParser(description="Render toys with four parts, in nine classes, into class folders.")
    parser.add_argument("out", type=Path, help="folder to write <class>/<number>.png into")
    parser.add_argument("--images", type=int, default=900, help="how many pictures (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="which set (default: %(default)s)")
    parser.add_argument("--size", type=int, default=96, help="side in pixels (default: %(default)s)")
    parser.add_argument("--start", type=int, default=0, help="first picture (default: %(default)s)")
    parser.add_argument("--sheet", type=Path, help="also write one picture that shows a few of each class")
    parser.add_argument("--scenes", choices=TREES, help="scenes of one to four toys instead, as that data set lies")
    parser.add_argument("--held-out", type=int, help="how many scenes to test on, of another set (default: --images)")
    options = parser.parse_args(arguments)
    if options.scenes and (options.sheet or options.start):
        parser.error("--sheet and --start are for class folders, got them with --scenes; leave them out")
    if options.held_out is not None and not options.scenes:
        parser.error(f"--held-out must come with --scenes, got {options.held_out} without; render a second folder")
    try:
        if options.scenes:
            print(write_scenes(options))
            return
        toys = RenderedToys(options.images, seed=options.seed, size=options.size, start=options.start)
    except ValueError as error:
        parser.error(str(error))
    write_folders(options.out, toys)
    print(f"{len(toys)} pictures of {len(CLASSES)} classes in {options.out}")
    if options.sheet is not None:
        contact_sheet(toys).save(options.sheet)
        print(f"a few of each in {options.sheet}")


if __name__ == "__main__":
    main()
