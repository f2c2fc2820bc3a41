"""How good the pictures are that a model draws of its concepts: PSNR beside a floor, a ceiling and a MAE, and a sheet.

    python -m benchmarks.pictures FOLDER
    python -m benchmarks.pictures FOLDER --model FILE --resolution 224,320,448 --sheet sheet.png

Photos are fitted, rebuilt and measured as `python -m train.evaluate --protocol reconstruction` does (this asks that
evaluator): the long side as given, the aspect kept. The floor is each concept's mean colour where it is, the ceiling
the round trip through the tokenizer whose codes the decoder predicts. With several resolutions the one that looks best,
and whose lead over the floor does not fall, is `best_size` of a decoder's config. The sheet shows photo, pictures at
each resolution, and at the first of them floor, ceiling and MAE.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from torch import Tensor
from tqdm import tqdm

from model.checkpoints.files import write_whole
from model.targets import check_free
from train.evaluators import Unavailable, Value, reconstruction
from train.evaluators.photo_set import PhotoSet
from train.subjects import BaselineSubject, StellarSubject, Subject

BAD_INPUT = 2
ON_SHEET, WIDTH, HEAD = 20, 240, 18  # photos; pixels of a picture's width and of a line of words
PICTURES = {"floor_": "floor", "ceiling_": "ceiling"}


def scores(subject: Subject, photos: PhotoSet, resolution: int) -> dict[str, Value]:
    """PSNR by what was measured: "" the subject's pictures, "floor_", "ceiling_"."""
    found = dict(reconstruction.evaluate(subject, photos, resolution=resolution))
    return {picture: found[f"reconstruction/{picture}psnr"] for picture in reconstruction.PICTURES}


def row(resolution: int, stellar: dict[str, Value], mae: dict[str, Value]) -> str:
    ours, floor = stellar[""], stellar["floor_"]
    values = [ours, floor, stellar["ceiling_"], mae[""],
              *(other if isinstance(other, Unavailable) else ours - other for other in (floor, mae[""]))]
    return f"| {resolution} px | " + " | ".join("–" if isinstance(value, Unavailable) else f"{value:.2f}"
                                              for value in values) + " |"


def tiles(stellar: Subject, mae: Subject, photos: PhotoSet, index: int, resolutions: Sequence[int]
          ) -> Iterator[tuple[str, Image.Image]]:
    """(words, picture) for a row of the sheet; the photo first. Nothing of a photo that cannot be read."""
    for number, resolution in enumerate(resolutions):
        one = PhotoSet(photos.root, [photos.paths[index]], skipped=photos.skipped)
        for _, images in one.batches(resolution=resolution, patch_size=stellar.patch_size, batch_size=1):
            photo, pictures = reconstruction.compared(stellar, images, reconstruction.rebuild(stellar, images))
            if number == 0:
                yield photos.paths[index].stem[:24], as_picture(photo)
                others = {label: pictures[name] for name, label in PICTURES.items() if name in pictures}
                others[mae.name] = reconstruction.compared(mae, images, reconstruction.rebuild(mae, images))[1][""]
            yield caption(f"{resolution} px", pictures[""], photo), as_picture(pictures[""])
    if one.skipped.get(photos.paths[index]) is None:
        for label, picture in others.items():
            yield caption(label, picture, images), as_picture(picture)


def caption(label: str, picture: Tensor, photo: Tensor) -> str:
    size = tuple(picture.shape[2:])
    return f"{label}: {float(reconstruction.psnr(picture, reconstruction.resized(photo.to(picture), size))):.1f} dB"


def as_picture(picture: Tensor) -> Image.Image:
    """(1, 3, H, W) in 0..1 -> WIDTH pixels wide."""
    whole = Image.fromarray(np.asarray((255 * picture[0]).round().byte().permute(1, 2, 0).cpu()))
    return whole.resize((WIDTH, round(WIDTH * whole.height / whole.width)), Image.Resampling.BICUBIC)


def sheet(rows: Sequence[Sequence[tuple[str, Image.Image]]]) -> bytes:
    """-> PNG."""
    heights = [HEAD + max(picture.height for _, picture in row) for row in rows]
    whole = Image.new("RGB", (WIDTH * max(map(len, rows)), sum(heights)), "white")
    draw = ImageDraw.Draw(whole)
    top = 0
    for row, height in zip(rows, heights, strict=True):
        for column, (words, picture) in enumerate(row):
            draw.text((WIDTH * column + 4, top + 3), words, fill="black")
            whole.paste(picture, (WIDTH * column, top + HEAD))
        top += height
    buffer = io.BytesIO()
    whole.save(buffer, "PNG")
    return buffer.getvalue()


def resolutions_of(text: str) -> list[int]:
    try:
        found = [int(part) for part in text.split(",")]
    except ValueError:
        found = []
    if not found or min(found) < 32:
        raise ValueError(f"--resolution is {text}; it must be numbers of pixels from 32, with commas between them.")
    return found


def run(options: argparse.Namespace) -> None:
    """ValueError, one sentence, for what a person can mend."""
    resolutions = resolutions_of(options.resolution)
    if options.limit is not None and options.limit < 1:
        raise ValueError(f"--limit is {options.limit}; it must be at least 1.")
    if options.sheet is not None:
        check_free([options.sheet], overwrite=options.overwrite, option="--sheet")
    photos = PhotoSet.open(options.folder, limit=options.limit)
    stellar = StellarSubject.open(options.model, device=options.device)
    if reason := reconstruction.why_not(stellar):
        raise ValueError(f"{stellar.name} draws no pictures: {reason}.")
    mae = BaselineSubject.open(options.mae, device=options.device)
    if options.sheet is not None:
        some = PhotoSet.open(options.folder, limit=min(ON_SHEET, len(photos)))
        rows = [list(tiles(stellar, mae, some, index, resolutions))
                for index in tqdm(range(len(some)), desc="sheet", disable=None)]
        write_whole(options.sheet, sheet([row for row in rows if row]))
    print(f"### PSNR of {len(photos)} photos, dB\n")
    print(f"| long side | {stellar.name}, {stellar.stellar.num_tokens} concepts | floor | ceiling "
          f"| {mae.name}, {mae.num_tokens} patches | above the floor | above {mae.name} |")
    print("|---|" + "---:|" * 6)
    for resolution in resolutions:
        print(row(resolution, *(scores(subject, photos, resolution) for subject in (stellar, mae))), flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="How good the pictures are that a model draws of its concepts.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="nano", help="a name, a file or a folder (default: nano)")
    parser.add_argument("--mae", default="mae", help="the MAE beside it (default: the one of this copy)")
    parser.add_argument("--resolution", default="224", metavar="PIXELS", help="long sides, with commas (default: 224)")
    parser.add_argument("--limit", type=int, metavar="N", help="at most about N photos, spread over the folder")
    parser.add_argument("--sheet", type=Path, metavar="FILE.png", help=f"pictures of at most {ON_SHEET} photos")
    parser.add_argument("--overwrite", action="store_true", help="replace a sheet that is there already")
    parser.add_argument("--device", default="auto")
    try:
        run(parser.parse_args(arguments))
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return BAD_INPUT
    return 0


if __name__ == "__main__":
    sys.exit(main())
