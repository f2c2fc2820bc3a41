"""Tar files full of pictures (webdataset's shards, a packed folder): read where they lie, never unpacked."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from pathlib import Path

from photos.limits import LOCAL, Limits
from photos.sources.clutter import skipped_by_name
from photos.sources.errors import SourceError
from photos.sources.filenames import readable
from photos.sources.pictures import judged_by_ending, judged_by_head
from photos.sources.report import NOTHING, LeftOut, Reason, Report
from photos.sources.rows import Stream, first_line
from photos.sources.source import BadPhoto, Source, SourcePhoto
from photos.text import printable

COMPRESSED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ")
BROKEN = (tarfile.TarError, OSError, EOFError, ValueError)


@dataclass(frozen=True, slots=True)
class Member:
    """A picture in a tar file: where its bytes are."""

    tar: int
    name: str
    offset: int
    size: int


@dataclass(frozen=True)
class Tars:
    """names: of the tar files, readable; put before their photos' names where there are several."""

    name: str
    paths: tuple[Path, ...] = field(repr=False)
    names: tuple[str, ...] = field(repr=False)
    left_out_beside: Report = field(default=NOTHING, repr=False)
    labelled: bool = False
    hidden: bool = False
    prefix: str = ""

    @property
    def is_compressed(self) -> bool:
        """So its photos can be reached one after the other alone."""
        return any(start_of(path).startswith(COMPRESSED) for path in self.paths)

    @cached_property
    def listed(self) -> tuple[list[Member], Report]:
        """Headers are read, of photos only what tells that they are some. Raises SourceError."""
        members, left_out = [], []
        for number, path in enumerate(self.paths):
            try:
                with tarfile.open(path, "r:", errorlevel=1) as tar:
                    for info in each(tar):
                        name = self.name_in(number, info.name)
                        reason, detail = self.judged(info, lambda info=info, tar=tar: tar.extractfile(info).read(64))
                        if reason is not None:
                            left_out.append(LeftOut(name, reason, detail=detail))
                        elif not info.isdir():
                            members.append(Member(number, name, info.offset_data, info.size))
            except BROKEN as error:  # what came before is there
                left_out.append(LeftOut(self.names[number], Reason.UNREADABLE, detail=first_line(error)))
        if not members:
            broken = next((f" ({entry.detail})" for entry in left_out if entry.reason is Reason.UNREADABLE), "")
            raise SourceError(f"{self.name} holds no photos{broken}; name a tar file with pictures in it.")
        return members, self.left_out_beside + Report(tuple(left_out))

    def judged(self, info: tarfile.TarInfo, head) -> tuple[Reason | None, str | None]:
        """Why a member is left out; None for a photo, and for a folder, which is nothing by itself."""
        if info.isdir():
            return None, None
        if not info.isfile():
            return Reason.SPECIAL, None
        if not self.hidden:
            skipped = next(filter(None, map(skipped_by_name, info.name.removeprefix("./").split("/"))), None)
            if skipped is not None:
                return skipped, None
        is_picture, reason, detail = judged_by_ending(info.name)
        if is_picture is None:
            _, reason, detail = judged_by_head(head())
        return reason, detail

    def name_in(self, number: int, name: str) -> str:
        name = readable(name.removeprefix("./"))
        return self.prefix + (f"{self.names[number]}/{name}" if len(self.paths) > 1 else name)

    @property
    def left_out(self) -> Report:
        return self.left_out_beside if self.is_compressed else self.listed[1]

    # By number, as `photos.sources.files.Files`.

    def __len__(self) -> int:
        return len(self.listed[0])

    def name_of(self, number: int) -> str:
        return self.listed[0][number].name

    def content_of(self, number: int) -> bytes:
        return self.read(self.listed[0][number])

    @property
    def fingerprint(self) -> str:
        return sha256("\n".join(f"{member.name} {member.size}" for member in self.listed[0]).encode()).hexdigest()

    def read(self, member: Member, limits: Limits = LOCAL) -> bytes:
        """ValueError where it is too large or cut short."""
        check_size(member.size, limits)
        try:
            with self.paths[member.tar].open("rb") as file:
                file.seek(member.offset)
                data = file.read(member.size)
        except OSError as error:
            raise ValueError(f"It cannot be read ({error.strerror}); check the tar file's permissions.") from error
        if len(data) < member.size:
            raise ValueError("The tar file ends in the middle of it; copy or download it again.")
        return data

    def label_of(self, name: str) -> str | None:
        folder = name.rpartition("/")[0]
        return folder.rpartition("/")[2] if self.labelled and folder else None

    def by_number(self) -> Tars:
        if self.is_compressed:
            raise SourceError(f"{self.name} is compressed, so its photos cannot be reached in any order; unpack it "
                              "(gunzip leaves the tar file), or read it as it comes with --set data.streaming=true.")
        return self

    def stream(self) -> Stream:
        import datasets

        table = datasets.IterableDataset.from_generator(
            stream_cells, gen_kwargs={"paths": [str(path.absolute()) for path in self.paths]})
        return Stream(table, "image", left_out=self.left_out_beside)

    def source(self, *, limits: Limits = LOCAL) -> Source:
        if self.is_compressed:
            return Source(self.name, None, lambda: self.streamed(limits), left_out=self.left_out_beside)
        members, left_out = self.listed

        def some(members: Sequence[Member]) -> Source:
            def read() -> Iterator[SourcePhoto | BadPhoto]:
                for member in members:
                    try:
                        yield SourcePhoto(self.read(member, limits), member.name, self.label_of(member.name))
                    except ValueError as error:
                        yield BadPhoto(member.name, str(error))

            return Source(self.name, len(members), read)

        def cut() -> list[Source]:
            return [some([member for member in members if member.tar == number])
                    for number in sorted({member.tar for member in members})]

        whole = some(members)
        return Source(self.name, len(members), whole.read, cut, left_out)

    def streamed(self, limits: Limits) -> Iterator[SourcePhoto | BadPhoto]:
        """What a compressed tar holds, as it comes; SourceError where it breaks off."""
        for number, path in enumerate(self.paths):
            try:
                with tarfile.open(path, "r|*") as tar:
                    for info in each(tar):
                        if info.isdir():
                            continue
                        read = [b""]
                        reason, _ = self.judged(info, lambda info=info, tar=tar, read=read: filled(read, tar, info))
                        if reason is not None:
                            continue
                        name = self.name_in(number, info.name)
                        try:
                            check_size(info.size, limits)
                        except ValueError as error:
                            yield BadPhoto(name, str(error))
                            continue
                        yield SourcePhoto(read[0] or tar.extractfile(info).read(), name, self.label_of(name))
            except BROKEN as error:
                raise SourceError(f"{self.name} broke off ({first_line(error)}); copy or download it again, and the "
                                  "same command goes on where it stopped.") from error


def filled(read: list[bytes], tar: tarfile.TarFile, info: tarfile.TarInfo) -> bytes:
    """A stream cannot go back: what is looked at is kept."""
    read[0] = tar.extractfile(info).read(LOCAL.max_bytes + 1)
    return read[0]


def stream_cells(paths: list[str]) -> Iterator[dict]:
    """Photos of tar files as rows of a table."""
    tars = Tars("tar", tuple(map(Path, paths)), tuple(paths))
    for photo in tars.streamed(LOCAL):
        if isinstance(photo, SourcePhoto):
            yield {"image": {"bytes": photo.data, "path": photo.source}}


def each(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """Its members, of which it would keep every one."""
    while (info := tar.next()) is not None:
        yield info
        tar.members.clear()


def check_size(size: int, limits: Limits) -> None:
    if size > limits.max_bytes:
        raise ValueError(f"It is larger than {limits.max_bytes // 2**20} MB; save a smaller copy.")


def start_of(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(8)
    except OSError as error:
        raise SourceError(f"{printable(str(path))} cannot be read ({error.strerror}); check its permissions."
                          ) from error
