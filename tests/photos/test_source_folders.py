"""Folders as people have them: each file is a photo, or is left out by name and for a stated reason."""

import os
import shutil
from pathlib import Path

import pytest
from PIL import Image

from index.build.decoding import prepare
from photos.limits import LOCAL, Limits, local_limits
from photos.sources.errors import SourceError
from photos.sources.filenames import readable, system_name, tails
from photos.sources.folder import list_folder
from photos.sources.open import find_photos, open_source, open_sources
from photos.sources.report import Reason
from photos.sources.source import BadPhoto, SourcePhoto
from photos.text import printable
from tests.photo_folders import fill, make_mess, picture

KINDS = {".JPG": "JPEG", ".jfif": "JPEG", ".jpe": "JPEG", ".mpo": "MPO", ".pgm": "PPM", ".PNG": "PNG", ".tiff": "TIFF",
         ".dib": "BMP", ".jp2": "JPEG2000", "": "WEBP", ".photo": "GIF", ".HEIC": "HEIF", ".avif": "AVIF"}


def test_photos_are_listed_in_order_through_folders_and_links(tmp_path):
    data = tmp_path / "data"
    for name in ("b/2.PNG", "a/1.jpg", "0.webp", ".hidden.jpg", "a/._1.jpg", ".git/x.jpg", "a/1.txt"):
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).touch()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "9.jpeg").touch()
    (data / "c").symlink_to(tmp_path / "elsewhere")
    assert list_folder(data).pictures == ["0.webp", "a/1.jpg", "b/2.PNG", "c/9.jpeg"]


def test_a_folder_without_photos_is_named(tmp_path):
    (tmp_path / "notes.txt").touch()
    for folder, what in ((tmp_path, "no photos"), (tmp_path / "nothing", "does not exist"),
                         (tmp_path / "notes.txt", "names no file that is there")):
        with pytest.raises(ValueError, match=what) as caught:
            open_source(folder)
        assert any(name in str(caught.value) for name in (str(folder), printable(str(folder))))


def test_a_link_that_leads_back_up_is_followed_once(tmp_path):
    fill(tmp_path, "photos/1.png", "elsewhere/2.png", "3.png")
    (tmp_path / "photos" / "again").symlink_to(tmp_path)
    (tmp_path / "photos" / "elsewhere").symlink_to(tmp_path / "elsewhere")
    listing = list_folder(tmp_path / "photos")
    assert listing.pictures == ["1.png", "again/3.png", "again/elsewhere/2.png"]
    assert {str(entry) for entry in listing.left_out.left_out} == {
        "again/photos/: listed already under another name", "elsewhere/: listed already under another name"}


def test_a_picture_is_a_photo_whatever_its_name_ends_in(tmp_path):
    for number, (ending, kind) in enumerate(KINDS.items()):
        place = tmp_path / f"{number % 3}"
        place.mkdir(exist_ok=True)
        (place / f"IMG_{number}{ending}").write_bytes(picture(number, kind))
    source = open_source(tmp_path)
    assert source.num_photos == len(KINDS) and not source.left_out
    assert all(isinstance(photo, SourcePhoto) for photo in source)


def test_what_is_no_picture_is_left_out_and_counted_by_reason(tmp_path):
    fill(tmp_path, "a.jpg", "raw/a.NEF", "raw/b.dng", "cover.svg")  # raw files start as TIFFs do
    fill(tmp_path, "a.txt", "a.json", "film.mp4", data=b"words")
    fill(tmp_path, "README", "Python.x", "letter.scan", data=b"Python and BMW\n")
    report = list_folder(tmp_path).left_out
    assert report.counts == {Reason.ENDING: 6, Reason.HEAD: 3}
    assert report.sentence.startswith("9 files left out: no picture by its ending (6: ") and "\n" not in str(report)
    assert {entry.name for entry in report.left_out if entry.reason is Reason.HEAD} == {
        "README", "Python.x", "letter.scan"}
    assert [photo.source for photo in open_source(tmp_path)] == ["a.jpg"]


def test_a_picture_that_needs_a_plug_in_says_which(tmp_path, monkeypatch):
    from photos.sources import pictures

    monkeypatch.setattr(pictures, "can_open", lambda format: format != "JXL")
    pictures.openable_endings.cache_clear()
    fill(tmp_path, "a.png")
    fill(tmp_path, "b.jxl", "c", data=b"\xff\x0a" + b"\0" * 30)
    try:
        report = list_folder(tmp_path).left_out
    finally:
        pictures.openable_endings.cache_clear()
    assert report.counts == {Reason.PLUGIN: 2} and all("pillow-jxl" in str(entry) for entry in report.left_out)


def test_a_listing_opens_no_file_whose_name_tells(tmp_path, monkeypatch):
    from photos.sources import folder

    fill(tmp_path, "a.jpg", "b.webp", "c.txt", "d.parquet")
    monkeypatch.setattr(folder, "head_of", lambda path: pytest.fail(f"{path} was opened"))
    assert list_folder(tmp_path).pictures == ["a.jpg", "b.webp"]


def test_clutter_and_hidden_things_are_skipped_by_name_and_can_be_brought(tmp_path):
    clutter = ["@eaDir/a.jpg/SYNOPHOTO_THUMB_M.jpg", "#recycle/b.jpg", ".Trashes/c.jpg", "__MACOSX/d.jpg",
               "$Recycle.Bin/e.jpg", "lost+found/f.jpg", "x/.thumbnails/g.jpg", ".private/h.jpg", ".i.jpg"]
    fill(tmp_path, "a.jpg", "x/b.jpg", *clutter)
    fill(tmp_path, "._a.jpg", "Thumbs.db", "x/.DS_Store", data=b"\0\x05\x16\x07")
    listing = list_folder(tmp_path)
    assert listing.pictures == ["a.jpg", "x/b.jpg"]
    assert listing.left_out.counts == {Reason.CLUTTER: 10, Reason.HIDDEN: 2}
    everything = list_folder(tmp_path, hidden=True)
    assert sorted(everything.pictures) == sorted(["a.jpg", "x/b.jpg", "._a.jpg", *clutter])
    assert open_source(tmp_path, hidden=True).num_photos == len(everything.pictures)


@pytest.mark.parametrize("hidden", [False, True])
def test_every_file_is_a_photo_or_is_left_out_by_name_or_lies_in_a_folder_that_is(tmp_path, hidden):
    count = make_mess(tmp_path)
    source = open_source(tmp_path, hidden=hidden)
    photos = {photo.source for photo in source}
    left_out = {entry.name: entry for entry in source.left_out.left_out}
    assert len(photos) == source.num_photos and len(left_out) == len(source.left_out.left_out)
    inside = 0
    for place, _, names in os.walk(tmp_path):
        for name in names:
            path = readable((Path(place) / name).relative_to(tmp_path).as_posix())
            ways = [path in photos, path in left_out,
                    any(entry.is_folder and path.startswith(f"{entry.name}/") for entry in left_out.values())]
            assert sum(ways) == 1, path
            inside += ways[2]
    folders = sum(entry.is_folder for entry in left_out.values())
    assert len(photos) + len(left_out) - folders + inside + 1 == count
    assert sum(source.left_out.counts.values()) == len(left_out)
    assert {left_out[name].reason for name in ("b/gone.jpg", "ring", "pipe.jpg", "s.jpg", "d/up", "index")} == {
        Reason.DANGLING, Reason.SPECIAL, Reason.AGAIN, Reason.INDEX, Reason.UNREADABLE}


def test_a_name_that_is_not_utf_8_is_told_readably_and_read(tmp_path):
    fill(tmp_path, "a.jpg", b"caf\xe9/caf\xe9.jpg", "z.jpg")
    found = list(open_source(tmp_path, label_from_folder=True))
    assert [photo.source for photo in found] == ["a.jpg", "caf\\xe9/caf\\xe9.jpg", "z.jpg"]
    assert found[1].label == "caf\\xe9" and all(isinstance(photo, SourcePhoto) for photo in found)
    for photo in found:
        photo.source.encode()
    find_photos(tmp_path).fingerprint.encode()
    (own,) = open_source(tmp_path / os.fsdecode(b"caf\xe9"))
    (single,) = open_source(tmp_path / os.fsdecode(b"caf\xe9/caf\xe9.jpg"))
    assert own.source == single.source == "caf\\xe9.jpg"


def test_a_readable_name_leads_back_to_the_file():
    for name in (b"caf\xe9/\xff.jpg", "caf\xe9.jpg".encode(), b"plain.jpg"):
        assert os.fsencode(system_name(readable(os.fsdecode(name)))) == name


def test_a_folder_that_cannot_be_entered_is_named_and_the_rest_is_read(tmp_path, monkeypatch):
    from photos.sources import folder

    fill(tmp_path, "a.jpg", "closed/b.jpg", "open/c.jpg")
    scandir = os.scandir

    def refuse(place):
        if Path(place).name == "closed":
            raise PermissionError(13, "Permission denied")
        return scandir(place)

    monkeypatch.setattr(folder.os, "scandir", refuse)  # root enters every folder
    source = open_source(tmp_path)
    assert [photo.source for photo in source] == ["a.jpg", "open/c.jpg"]
    (closed,) = source.left_out.left_out
    assert str(closed) == "closed/: not readable (Permission denied)"


def test_a_file_that_vanishes_meanwhile_is_a_bad_photo(tmp_path):
    fill(tmp_path, "a.jpg", "b.jpg", "c.jpg")
    found, source = find_photos(tmp_path), open_source(tmp_path)
    before = found.fingerprint
    (tmp_path / "b.jpg").unlink()
    good, bad, other = source
    assert isinstance(bad, BadPhoto) and "does not exist" in bad.reason
    assert (good.source, other.source) == ("a.jpg", "c.jpg")
    assert found.fingerprint != before
    (tmp_path / "b.jpg").symlink_to(tmp_path / "nowhere")
    assert "link to nothing" in list(source)[1].reason


def test_pictures_beside_tables_about_them_are_the_photos(tmp_path):
    """As img2dataset leaves them."""
    import datasets

    fill(tmp_path, "00000/000.jpg", "00000/001.jpg")
    fill(tmp_path, "00000/000.json", "00000/000.txt", data=b"a caption")
    about = datasets.Dataset.from_dict({"url": ["http://x", "http://y"], "key": ["000", "001"], "sha": [b"12", b"34"]})
    about.to_parquet(tmp_path / "00000.parquet")
    source = open_source(tmp_path)
    assert [photo.source for photo in source] == ["00000/000.jpg", "00000/001.jpg"]
    assert source.left_out.counts == {Reason.ENDING: 2, Reason.TABLE: 1}
    (tmp_path / "00001.parquet").write_bytes(b"PAR1 and no more")  # nor does one that is broken
    assert open_source(tmp_path).num_photos == 2


def test_tables_that_hold_pictures_are_the_photos_and_the_pictures_beside_them_are_named(tmp_path):
    import datasets

    fill(tmp_path, "preview.png")
    datasets.Dataset.from_dict({"image": [picture(1), picture(2)]}).to_parquet(tmp_path / "a.parquet")
    source = open_source(tmp_path)
    assert [photo.data for photo in source] == [picture(1), picture(2)]
    assert source.left_out.counts == {Reason.BESIDE: 1}


def test_an_index_is_no_folder_of_photos(tmp_path):
    fill(tmp_path, "index/catalogue.sqlite", "index/shards/0.npy", "index/thumbnails/0.jpg")
    with pytest.raises(SourceError, match="is a concept index"):
        open_source(tmp_path / "index")
    with pytest.raises(SourceError, match="holds no photos .1 folder left out: a concept index .1"):
        open_source(tmp_path)


def test_pictures_in_folders_of_splits_keep_them(tmp_path):
    fill(tmp_path, "train/cat/1.jpg", "train/dog/2.jpg", "test/cat/3.jpg", "val/4.jpg")
    source = open_source(tmp_path)
    assert [photo.source for photo in source] == ["train/cat/1.jpg", "train/dog/2.jpg"]
    assert source.left_out.counts == {Reason.SPLIT: 2}
    assert [photo.source for photo in open_source(tmp_path, split="test")] == ["test/cat/3.jpg"]
    assert open_source(tmp_path, split="validation").num_photos == 1
    assert open_source(tmp_path, split="all").num_photos == 4
    with pytest.raises(SourceError, match="has no split 'nosuch'; it has test, train, validation"):
        open_source(tmp_path, split="nosuch")
    fill(tmp_path, "holiday/5.jpg")  # so these are a person's folders, one of which is of trains
    assert open_source(tmp_path).num_photos == 5
    with pytest.raises(SourceError, match="has no split 'test'; it has none"):
        open_source(tmp_path, split="test")


def test_photos_of_one_name_in_several_folders_are_told_apart(tmp_path):
    fill(tmp_path, "2019/IMG_0001.jpg", "2020/IMG_0001.jpg", "2020/summer/IMG_0001.jpg")
    both = open_sources([str(tmp_path / "2019"), str(tmp_path / "2020")])
    assert [(photo.file.root.name, photo.file.path) for photo in both] == [
        ("2019", "IMG_0001.jpg"), ("2020", "IMG_0001.jpg"), ("2020", "summer/IMG_0001.jpg")]
    for name in ("2019", "2020"):
        (tmp_path / name / "list.txt").write_text("IMG_0001.jpg\n")
    lists = open_sources([str(tmp_path / name / "list.txt") for name in ("2019", "2020")])
    assert [photo.source for photo in lists] == ["2019/list.txt/IMG_0001.jpg", "2020/list.txt/IMG_0001.jpg"]
    single = open_sources([str(tmp_path / name / "IMG_0001.jpg") for name in ("2019", "2020", "2020/summer")])
    assert [photo.source for photo in single] == ["2019/IMG_0001.jpg", "2020/IMG_0001.jpg", "summer/IMG_0001.jpg"]
    assert single.num_photos == 3 and {photo.data for photo in single} == {photo.data for photo in both}
    assert [photo.source for photo in open_sources([str(tmp_path / "2019")])] == ["IMG_0001.jpg"]
    assert [photo.source for piece in both.pieces for photo in piece] == [photo.source for photo in both]


def test_ends_of_paths_are_as_short_as_tells_them_apart():
    assert [str(end) for end in tails([Path("/a/x/1"), Path("/b/x/1")])] == ["a/x/1", "b/x/1"]
    assert [str(end) for end in tails([Path("/a/1"), Path("/a/2")])] == ["1", "2"] and tails([]) == []


def test_a_list_of_paths_is_a_source(tmp_path):
    fill(tmp_path, "a.jpg", "deep/b.jpg", "elsewhere/c.jpg", b"caf\xe9.jpg")
    names = [b"deep/b.jpg", b"a.jpg", b"", b"caf\xe9.jpg", b"a.jpg", b"gone.jpg", b"./a.jpg"]
    (tmp_path / "train.txt").write_bytes(b"\xef\xbb\xbf" + b"\r\n".join(names))
    found = list(open_source(tmp_path / "train.txt"))
    assert [photo.source for photo in found] == ["deep/b.jpg", "a.jpg", "caf\\xe9.jpg", "gone.jpg"]
    assert [isinstance(photo, BadPhoto) for photo in found] == [False, False, False, True]
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "few.lst").write_text(f"{tmp_path}/deep/b.jpg\n{tmp_path}/elsewhere/c.jpg\n")
    assert [photo.source for photo in open_source(tmp_path / "lists" / "few.lst")] == ["deep/b.jpg", "elsewhere/c.jpg"]
    for words in ("no photo\n", ""):
        (tmp_path / "notes.txt").write_text(words)
        with pytest.raises(SourceError, match="names no file that is there"):
            open_source(tmp_path / "notes.txt")


def test_the_order_is_that_of_the_paths_parts(tmp_path):
    fill(tmp_path, "b.jpg", "a-b/1.jpg", "a/2.jpg", "a/b/3.jpg", "a.jpg", "B.jpg")
    found = [photo.source for photo in open_source(tmp_path)]
    assert found == [path.relative_to(tmp_path).as_posix() for path in sorted(tmp_path.rglob("*.jpg"))]
    shutil.rmtree(tmp_path / "a")
    with pytest.raises(SourceError, match="does not exist"):
        list_folder(tmp_path / "a")


def test_a_person_may_raise_how_many_pixels_are_opened(tmp_path, monkeypatch):
    """Of every kind of source, one or several, cut or whole: each photo says within what it may be opened."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", Image.MAX_IMAGE_PIXELS)  # it is raised with the limits
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        Image.new("RGB", (30, 20)).save(tmp_path / name / "photo.png")
    raised = local_limits(LOCAL.max_pixels + 1)
    one = open_source(tmp_path / "a", limits=raised)
    several = open_sources([str(tmp_path / "a"), str(tmp_path / "b" / "photo.png")], limits=raised)
    for source in (one, several, *one.pieces, *several.pieces):
        assert [photo.limits for photo in source] == [raised] * len(list(source))
    assert [photo.limits for photo in open_source(tmp_path / "a")] == [LOCAL]
    tight = Limits(max_bytes=2**20, max_pixels=100)
    photo = next(iter(open_source(tmp_path / "a", limits=tight)))
    with pytest.raises(ValueError, match="--max-pixels"):
        prepare(photo.data, resolution=224, patch_size=16, limits=photo.limits)
