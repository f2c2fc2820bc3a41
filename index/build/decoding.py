"""Photos' bytes -> pixels of the size that a model takes, read and decoded in threads while the model works."""

from __future__ import annotations

import hashlib
import io
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from PIL import Image

from photos.cores import usable_cores
from photos.decoding import open_photo
from photos.fitting import resized
from photos.limits import LOCAL, Limits
from photos.sources.source import BadPhoto, SourcePhoto

THUMBNAIL_SIDE, THUMBNAIL_QUALITY = 256, 80
READ_AHEAD = 16  # photos


@dataclass(frozen=True)
class Prepared:
    """A decoded photo. pixels: (H, W, 3) uint8, as `photos.fitting.fit` has them; size: the photo's (width, height);
    digest: the sha256 of the pixels and their shape."""

    pixels: np.ndarray
    size: tuple[int, int]
    thumbnail: bytes
    digest: str


def decoded_ahead(
    photos: Iterable[SourcePhoto | BadPhoto],
    *,
    resolution: int,
    patch_size: int,
    ahead: int,
    num_workers: int | None,
    is_known: Callable[[SourcePhoto], bool] | None,
    on_bad: Callable[[BadPhoto], None],
) -> Iterator[tuple[SourcePhoto, Prepared]]:
    """The photos that could be opened, in order; `ahead` of them are being decoded while the caller does other things.

    Threads, not processes: Pillow lets go of the interpreter's lock while it decodes, resizes and compresses, so two
    threads decode 1.9 times what one does, and nothing has to be copied between processes.
    """
    num_workers = num_workers or usable_cores()
    futures: deque[tuple[SourcePhoto, Future[Prepared]]] = deque()

    def finished() -> Iterator[tuple[SourcePhoto, Prepared]]:
        photo, future = futures.popleft()
        try:
            yield photo, future.result()
        except ValueError as error:  # open_photo's sentence
            on_bad(BadPhoto(photo.source, str(error), photo.sha256))

    with ThreadPoolExecutor(num_workers, thread_name_prefix="decode") as pool:
        try:
            for photo in read_ahead(photos):
                if isinstance(photo, BadPhoto):
                    on_bad(photo)
                elif is_known is None or not is_known(photo):
                    futures.append((photo, pool.submit(
                        prepare, photo.data, resolution=resolution, patch_size=patch_size, limits=photo.limits)))
                    if len(futures) > ahead + num_workers:
                        yield from finished()
            while futures:
                yield from finished()
        finally:
            pool.shutdown(cancel_futures=True)


def prepare(data: bytes, *, resolution: int, patch_size: int, limits: Limits = LOCAL) -> Prepared:
    """A file's bytes -> pixels and thumbnail. ValueError with one sentence where they are no photo."""
    photo = open_photo(data, limits=limits)
    pixels = np.array(resized(photo, resolution=resolution, patch_size=patch_size))
    digest = hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).hexdigest()
    return Prepared(pixels, photo.info["size"], thumbnail_of(photo), digest)


def thumbnail_of(photo: Image.Image) -> bytes:
    """A JPEG of at most 256 px on the long side, of the photo's own proportions."""
    small = photo.copy() if max(photo.size) <= THUMBNAIL_SIDE else photo.resize(
        fitted_thumbnail(photo.size), Image.Resampling.BICUBIC, reducing_gap=2.0)
    small.info.clear()
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=THUMBNAIL_QUALITY)
    return buffer.getvalue()


def fitted_thumbnail(size: tuple[int, int]) -> tuple[int, int]:
    scale = THUMBNAIL_SIDE / max(size)
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def read_ahead(photos: Iterable[SourcePhoto | BadPhoto]) -> Iterator[SourcePhoto | BadPhoto]:
    """The same, read and hashed in a thread of their own, a few ahead: a disk or a network is waited for there."""
    ahead: queue.Queue = queue.Queue(READ_AHEAD)
    stopped = threading.Event()
    end = object()

    def put(item: object) -> bool:
        while not stopped.is_set():
            try:
                ahead.put(item, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def read() -> None:
        try:
            for photo in photos:
                if isinstance(photo, SourcePhoto):
                    _ = photo.sha256  # computed here, kept for the caller
                if not put(photo):
                    return
            put(end)
        except BaseException as error:  # raised again where the photos are wanted
            put(error)

    reader = threading.Thread(target=read, name="read", daemon=True)
    reader.start()
    try:
        while (item := ahead.get()) is not end:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stopped.set()
