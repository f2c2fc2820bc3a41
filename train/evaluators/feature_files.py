"""Features on the disk: written as they come and mapped, so that memory does not grow with the photos."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Sequence
from pathlib import Path

import numpy as np


class FeatureFiles:
    """A folder of .npy files below `place` (the system's for temporary files by default), gone with this object."""

    def __init__(self, place: Path | None = None) -> None:
        try:
            self.folder = Path(tempfile.mkdtemp(prefix="stellar-features-", dir=place))
        except OSError as error:
            raise refused(place or Path(tempfile.gettempdir()), error) from error
        self._gone = weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)

    def rows(self, name: str, dtype: type) -> RowFile:
        return RowFile(self.folder / f"{name}.npy", dtype)


class RowFile:
    """An .npy of rows of one shape, that of the first which is put. Written, not mapped, until it is whole: a full disk
    is then an error and not a signal."""

    def __init__(self, path: Path, dtype: type) -> None:
        self.path, self.dtype = path, np.dtype(dtype)
        self._shape: tuple[int, ...] | None = None
        self._begin = self._size = 0
        self.end = 0  # one behind the last row

    def put(self, row: int, values: np.ndarray) -> None:
        """values (n, *shape): the rows from `row` on. Raises ValueError where the disk refuses."""
        try:
            with self.path.open("r+b" if self._shape is not None else "w+b") as file:
                if self._shape is None:
                    self._shape = values.shape[1:]
                    self._write_header(file, 0)
                    self._begin, self._size = file.tell(), int(np.prod(self._shape)) * self.dtype.itemsize
                file.seek(self._begin + row * self._size)
                file.write(np.ascontiguousarray(values, self.dtype).data)
        except OSError as error:
            raise refused(self.path.parent.parent, error) from error
        self.end = max(self.end, row + len(values))

    def add(self, values: np.ndarray) -> slice:
        """Behind the last row -> which rows they are."""
        begin = self.end
        self.put(begin, values)
        return slice(begin, self.end)

    def kept(self, rows: Sequence[int]) -> np.memmap:
        """The rows of these numbers, which grow, one behind the other; the others are lost."""
        with self.path.open("r+b") as file:
            for to, row in enumerate(rows):
                if to != row:
                    file.seek(self._begin + row * self._size)
                    content = file.read(self._size)
                    file.seek(self._begin + to * self._size)
                    file.write(content)
            self.end = len(rows)
            file.truncate(self._begin + self.end * self._size)
        return self.mapped()

    def mapped(self) -> np.memmap:
        """(rows, *shape). What is changed of it stays in memory."""
        with self.path.open("r+b") as file:
            self._write_header(file, self.end)
            assert file.tell() == self._begin
        return np.load(self.path, mmap_mode="c")

    def _write_header(self, file, count: int) -> None:
        # numpy leaves room in it for the first number to grow.
        np.lib.format.write_array_header_1_0(file, {
            "descr": np.lib.format.dtype_to_descr(self.dtype), "fortran_order": False, "shape": (count, *self._shape)})


def refused(folder: Path, error: OSError) -> ValueError:
    return ValueError(f"features cannot be written in {folder} ({error.strerror}); give --cache FOLDER, on a disk with "
                      "room for them.")
