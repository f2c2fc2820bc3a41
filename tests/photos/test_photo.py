"""Whatever a person has: an upright RGB photo or one clear sentence, and a tensor that covers the photo exactly."""

import io
import os
import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms, ImageFile, PngImagePlugin, features

from index.build.decoding import prepare
from photos import kinds, limits
from photos.decoding import open_photo as open_for
from photos.decoding import photo_size
from photos.fitting import fit as photos_fit
from photos.fitting import pixels_of
from stellar_explorer.photo import MAX_BYTES, MAX_PIXELS, fit, fitted_size, open_photo, printable
from train.config import DataConfig
from train.data.photos import open_photos
from train.evaluators.photo_set import PhotoSet

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # Pillow's, of metadata damaged on purpose
WHITE, RED, BLUE = (255, 255, 255), (255, 0, 0), (0, 0, 255)


def encoded(picture: Image.Image, kind: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def colour_of(photo: Image.Image, x: float = 0.5, y: float = 0.5) -> tuple[int, int, int]:
    return photo.getpixel((int(x * photo.width), int(y * photo.height)))


def ramp_of(width: int, height: int, dtype: type = np.uint8) -> np.ndarray:
    """(height, width, 3): smooth, so that averages of pixels are near the pixels."""
    x, y = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    return (np.stack([x, y, 1 - x], axis=-1) * np.iinfo(dtype).max).astype(dtype)


def near(colour, expected, tolerance: int = 4) -> bool:
    return np.abs(np.subtract(colour, expected, dtype=int)).max() <= tolerance


def halves(size: tuple[int, int] = (40, 20)) -> Image.Image:
    """Red on the left, blue on the right."""
    picture = Image.new("RGB", size, RED)
    picture.paste(BLUE, (size[0] // 2, 0, *size))
    return picture


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png_that_claims(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


def refusal(source) -> str:
    """The sentence: one, with a full stop, and no wider than a person reads."""
    with pytest.raises(ValueError) as caught:
        open_photo(source)
    sentence = str(caught.value)
    assert sentence.endswith(".") and "\n" not in sentence and len(sentence) < 220
    return sentence


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF", "PPM", "JPEG2000"])
def test_a_photo_of_every_kind_is_opened(kind):
    photo = open_photo(encoded(halves(), kind))
    assert photo.mode == "RGB" and photo.size == (40, 20)
    assert near(colour_of(photo, 0.2), RED, 12) and near(colour_of(photo, 0.8), BLUE, 12)


def test_a_path_its_bytes_and_a_string_give_the_same_photo(tmp_path):
    path = tmp_path / "фото 猫 🐈.png"
    path.write_bytes(encoded(halves()))
    photos = [open_photo(source) for source in (path, str(path), path.read_bytes(), memoryview(path.read_bytes()))]
    assert len({photo.tobytes() for photo in photos}) == 1


def test_avif_is_opened_where_pillow_can():
    if not features.check("avif"):
        pytest.skip("this Pillow has no AVIF")
    assert near(colour_of(open_photo(encoded(halves(), "AVIF", quality=95)), 0.2), RED, 16)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_taken_on_its_side_is_shown_upright(orientation):
    upright = halves()
    undo = {2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
            5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
            8: Image.Transpose.ROTATE_270}  # fmt: skip
    stored = upright.transpose(undo[orientation]) if orientation in undo else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    photo = open_photo(encoded(stored, "PNG", exif=exif))
    assert photo.tobytes() == upright.tobytes() and photo.size == upright.size


def test_broken_exif_is_no_reason_to_refuse():
    photo = open_photo(encoded(halves(), "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff broken"))
    assert photo.size == (40, 20)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bit_grey_is_scaled_and_not_clipped(kind):
    ramp = np.linspace(0, 65535, 256).astype(np.uint16)[None].repeat(16, axis=0)
    found = np.asarray(open_photo(encoded(Image.fromarray(ramp), kind)))
    assert np.abs(found[0, :, 0].astype(int) - np.arange(256)).max() <= 1
    assert (found[..., 0] == found[..., 1]).all() and (found[..., 1] == found[..., 2]).all()


def test_twelve_bits_in_a_sixteen_bit_file_are_not_black():
    ramp = np.linspace(0, 4095, 256).astype(np.uint16)[None].repeat(16, axis=0)
    found = np.asarray(open_photo(encoded(Image.fromarray(ramp), "TIFF")))
    assert np.abs(found[0, :, 0].astype(int) - np.arange(256)).max() <= 1


@pytest.mark.parametrize("largest", [1.0, 255.0, 65535.0])
def test_floats_are_taken_at_their_word(largest):
    ramp = np.linspace(0, largest, 256, dtype=np.float32)[None].repeat(16, axis=0)
    found = np.asarray(open_photo(encoded(Image.fromarray(ramp), "TIFF")))
    assert np.abs(found[0, :, 0].astype(int) - np.arange(256)).max() <= 1


@pytest.mark.parametrize("values", [
    np.linspace(-3e6, 9e6, 256).astype(np.int32), np.linspace(-1, 1, 256).astype(np.float32)])
def test_values_of_no_known_white_are_stretched(values):
    found = np.asarray(open_photo(encoded(Image.fromarray(values[None].repeat(16, axis=0)), "TIFF")))
    assert np.abs(found[0, :, 0].astype(int) - np.arange(256)).max() <= 1


def test_not_a_number_and_infinities_give_a_picture():
    values = np.full((16, 16), 0.5, np.float32)
    values[0, :3] = np.nan, np.inf, -np.inf
    values[1, 0], values[1, 1] = 0, 1
    found = np.asarray(open_photo(encoded(Image.fromarray(values), "TIFF")))
    assert found[0, 0, 0] == 0 and found[0, 1, 0] == 255 and found[0, 2, 0] == 0 and found[5, 5, 0] in (127, 128)
    nothing = np.full((16, 16), np.nan, np.float32)
    assert open_photo(encoded(Image.fromarray(nothing), "TIFF")).size == (16, 16)


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])  # a JPEG's CMYK is stored inverted, Adobe's way
def test_cmyk_has_its_colours(kind):
    picture = Image.new("CMYK", (32, 32), (0, 255, 255, 0))
    picture.paste((0, 0, 0, 0), (16, 0, 32, 32))
    photo = open_photo(encoded(picture, kind))
    assert near(colour_of(photo, 0.2), RED, 8) and near(colour_of(photo, 0.8), WHITE, 8)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "L", "1"])
def test_transparency_is_laid_on_white_and_said(mode):
    picture = Image.new("RGBA", (40, 20), (0, 0, 0, 255))
    picture.paste((0, 0, 0, 0), (20, 0, 40, 20))
    options = {}
    if mode == "P":
        picture = picture.convert("RGB").quantize(4)
        picture.paste(1, (20, 0, 40, 20))
        picture.putpalette([0, 0, 0, 0, 0, 0])
        options = {"transparency": 1}
    elif mode in ("L", "1"):
        picture = Image.new(mode, (40, 20), 0)
        picture.paste(255 if mode == "1" else 9, (20, 0, 40, 20))
        options = {"transparency": 255 if mode == "1" else 9}
    else:
        picture = picture.convert(mode)
    photo = open_photo(encoded(picture, "PNG", **options))
    assert colour_of(photo, 0.2) == (0, 0, 0) and colour_of(photo, 0.8) == WHITE
    assert photo.info["notes"] == ["Transparent parts are laid on white."]


def test_half_transparent_is_half_white_and_opaque_is_not_mentioned():
    photo = open_photo(encoded(Image.new("RGBA", (20, 20), (0, 0, 0, 128))))
    assert near(colour_of(photo), (127, 127, 127), 1)
    opaque = open_photo(encoded(Image.new("RGBA", (20, 20), (9, 9, 9, 255))))
    assert opaque.info == {"notes": [], "size": (20, 20)} and colour_of(opaque) == (9, 9, 9)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_the_first_frame_of_an_animation_is_used_and_said(kind):
    frames = [Image.new("RGB", (20, 20), colour) for colour in (RED, BLUE, WHITE)]
    photo = open_photo(encoded(frames[0], kind, save_all=True, append_images=frames[1:], duration=50))
    assert near(colour_of(photo), RED, 8) and photo.info["notes"] == ["Only the first frame of the animation is used."]


@pytest.mark.parametrize("mode", ["L", "1", "P"])
def test_grey_and_palettes_become_rgb(mode):
    photo = open_photo(encoded(Image.new("L", (20, 20), 255).convert(mode)))
    assert photo.mode == "RGB" and colour_of(photo) == WHITE


def test_a_colour_profile_is_followed_and_a_broken_one_ignored():
    lab_like = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    plain = Image.new("RGB", (20, 20), (200, 100, 50))
    assert near(colour_of(open_photo(encoded(plain, icc_profile=lab_like))), (200, 100, 50), 1)
    assert colour_of(open_photo(encoded(plain, icc_profile=b"no profile at all"))) == (200, 100, 50)
    # One meant for another kind of picture is ignored too.
    assert colour_of(open_photo(encoded(Image.new("L", (20, 20), 77), icc_profile=lab_like))) == (77, 77, 77)


def test_a_profile_whose_red_and_blue_are_swapped_swaps_them():
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, blue = profile.index(b"rXYZ"), profile.index(b"bXYZ")
    profile[red : red + 4], profile[blue : blue + 4] = b"bXYZ", b"rXYZ"
    photo = open_photo(encoded(Image.new("RGB", (20, 20), RED), icc_profile=bytes(profile)))
    assert near(colour_of(photo), BLUE, 10)


def test_a_lab_tiff_has_its_colours():
    photo = open_photo(encoded(Image.new("LAB", (20, 20), (255, 128, 128)), "TIFF"))
    assert near(colour_of(photo), WHITE, 12)


@pytest.mark.parametrize("size", [(900, 30), (30, 900)])
def test_panoramas_of_thirty_to_one_are_opened(size):
    assert open_photo(encoded(halves(size), "JPEG")).size == size


@pytest.mark.parametrize(("content", "word"), [
    (b"", "empty"),
    (b"hello, this is no picture " * 9, "not a picture"),
    (b"\0" * 5000, "not a picture"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"%PDF-1.7\n" + b"x" * 99, "PDF"),
    (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 99 99\n", "PostScript"),
    (b"<?xml version='1.0'?>\n<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>", "SVG"),
    (b"<svg/>", "SVG"),
    (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0" * 99, "HEIC"),
    (b"\0\0\0\x1cftypavif\0\0\0\0mif1avif" + b"\0" * 99, "AVIF"),
    (b"\0\0\0\x18ftypisom" + b"\0" * 99, "video"),
    (b"PK\x03\x04" + b"\0" * 99, "archive"),
    (b"8BPS\0\1" + b"\0" * 99, "Photoshop"),
    (b"<!DOCTYPE html><html><body>404</body></html>", "web page"),
], ids=lambda value: value if isinstance(value, str) else "")  # fmt: skip
def test_what_is_no_photo_is_named(content, word, tmp_path):
    path = tmp_path / "holiday.jpg"
    path.write_bytes(content)
    for source in (content, path):
        sentence = refusal(source)
        assert word in sentence and str(tmp_path) not in sentence
    assert sentence.startswith("holiday.jpg ")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "GIF", "BMP", "PPM"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.7, 0.97])
def test_a_truncated_photo_gives_a_sentence(kind, share):
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    whole = encoded(Image.fromarray(noise), kind)
    try:
        photo = open_photo(whole[: int(len(whole) * share)])
    except ValueError as error:
        assert str(error).endswith(".") and str(error).startswith("The photo ")
    else:
        assert photo.size == (64, 64) and share > 0.9  # the last rows' padding, or GIF's trailer, is not missed


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "GIF", "BMP", "PPM"])
def test_flipped_bytes_give_a_photo_or_a_sentence(kind):
    generator = np.random.default_rng(1)
    whole = encoded(Image.fromarray(generator.integers(0, 255, (24, 24, 3), np.uint8)), kind)
    for _ in range(60):
        damaged = np.frombuffer(whole, np.uint8).copy()
        damaged[generator.integers(0, min(len(damaged), 200), 4)] = generator.integers(0, 256, 4)
        try:
            assert open_photo(damaged.tobytes()).mode == "RGB"
        except ValueError as error:
            assert str(error).startswith("The photo ") and str(error).endswith(".")


@pytest.mark.parametrize("size", [(20_000, 20_000), (9_000, 9_000), (8_001, 8_000), (2**31 - 1, 2**31 - 1)])
def test_too_many_pixels_are_refused_before_any_is_decoded(size, monkeypatch):
    def decode(*_):
        raise AssertionError("decoded")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", decode)
    assert size[0] * size[1] > MAX_PIXELS
    sentence = refusal(png_that_claims(*size))
    assert "64 million pixels" in sentence or "cannot be read" in sentence


def test_one_pixel_is_refused_by_its_size():
    assert "1 x 1 pixels" in refusal(encoded(Image.new("RGB", (1, 1))))


def test_more_than_twelve_megabytes_are_refused_unread(tmp_path, monkeypatch):
    path = tmp_path / "large.png"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    monkeypatch.setattr("pathlib.Path.open", lambda *_: pytest.fail("read"))
    assert "larger than 12 MB" in refusal(path)
    assert "larger than 12 MB" in refusal(b"\0" * (MAX_BYTES + 1))


def test_folders_missing_files_and_pipes_are_named(tmp_path):
    assert "folder" in refusal(tmp_path)
    assert "does not exist" in refusal(tmp_path / "nowhere.jpg")
    assert "does not exist" in refusal(tmp_path / "file" / "below.jpg")
    pipe = tmp_path / "pipe.jpg"
    os.mkfifo(pipe)
    assert "not a regular file" in refusal(pipe)
    assert refusal("null\0byte.jpg") and refusal("x" * 5000 + ".jpg")


@pytest.mark.parametrize("name", [
    "$(touch pwned).jpg", "${alert(1)}.png", "<img src=x onerror=alert(1)>", "line\nbreak\x1b[31m.jpg",
    "a\u202egpj.exe", "-rf", "%s%n", "x" * 200, "\udcff\udcfe.jpg"])
def test_hostile_names_are_printed_harmlessly(name, tmp_path):
    path = tmp_path / name
    path.write_bytes(b"no picture")
    sentence = refusal(path)
    assert sentence.isprintable() and str(tmp_path) not in sentence
    sentence.encode("utf-8")
    path.write_bytes(encoded(halves()))
    assert open_photo(path).size == (40, 20)


def test_printable_leaves_ordinary_names_alone():
    assert printable("Grüße aus 京都 🐈.jpg") == "Grüße aus 京都 🐈.jpg"
    assert len(printable("x" * 500)) == 80


def test_postscript_and_its_like_are_never_handed_to_pillow():
    assert not {"EPS", "PDF", "WMF", "ICO", "ICNS"} & set(kinds.FORMATS)


def test_nothing_of_the_metadata_is_kept():
    exif = Image.Exif()
    exif[0x010F] = "a camera"
    photo = open_photo(encoded(halves(), "JPEG", exif=exif, comment=b"where I live"))
    assert set(photo.info) == {"notes", "size"} and not photo.getexif()


@pytest.mark.parametrize(("size", "resolution", "patch_size", "expected"), [
    ((451, 300), 448, 16, (448, 304)),
    ((300, 451), 448, 16, (304, 448)),
    ((500, 500), 224, 16, (224, 224)),
    ((640, 480), 1024, 14, (1022, 770)),
    ((3000, 100), 224, 16, (224, 16)),
    ((100, 3000), 1024, 16, (32, 1024)),
    ((9, 9), 1000, 16, (1008, 1008)),
])  # fmt: skip
def test_fitted_sizes_by_hand(size, resolution, patch_size, expected):
    assert fitted_size(size, resolution=resolution, patch_size=patch_size) == expected


def test_fit_keeps_the_shape_to_half_a_patch_and_every_value_exact():
    for width, height in ((451, 300), (30, 900), (77, 78)):
        image = fit(Image.new("RGB", (width, height), (255, 0, 51)), resolution=448, patch_size=16)
        assert image.shape[0:2] == (1, 3) and image.dtype == torch.float32 and image.is_contiguous()
        rows, cols = image.shape[2] / 16, image.shape[3] / 16
        assert rows == int(rows) and cols == int(cols) and max(rows, cols) == 28
        assert abs(min(rows, cols) - max(28 * min(width, height) / max(width, height), 1)) <= 0.5
        assert torch.allclose(image.amin((0, 2, 3)), torch.tensor([1, 0, 0.2]), atol=0)
        assert torch.allclose(image.amax((0, 2, 3)), torch.tensor([1, 0, 0.2]), atol=0)


def test_fit_crops_nothing():
    image = fit(halves((1000, 310)), resolution=448, patch_size=16)
    assert image[0, 0, :, :216].min() > 0.99 and image[0, 2, :, 232:].min() > 0.99


@pytest.mark.parametrize("resolution", [223, 1025, 0, -448, 448.0, "448", None, True, float("nan")])
def test_a_resolution_out_of_range_is_refused_with_the_range(resolution):
    with pytest.raises(ValueError, match="224 to 1024"):
        fit(halves(), resolution=resolution, patch_size=16)


@pytest.mark.parametrize("patch_size", [0, -16, 65, 16.0])
def test_a_patch_size_out_of_range_is_refused_with_the_range(patch_size):
    with pytest.raises(ValueError, match="1 to 64"):
        fit(halves(), resolution=448, patch_size=patch_size)


# Photos of every origin


@pytest.mark.parametrize(("kind", "suffix"), [
    ("HEIF", "heic"), ("JXL", "jxl"), ("AVIF", "avif"), ("MPO", "mpo"), ("JPEG", "jfif"), ("JPEG", "jpe"),
    ("PPM", "pgm"), ("QOI", "qoi")])
def test_what_phones_and_scanners_write_is_opened(kind, suffix, tmp_path):
    if kind == "HEIF":
        pytest.importorskip("pillow_heif").register_heif_opener()
    if kind == "JXL":
        pytest.importorskip("pillow_jxl")
    if kind == "AVIF" and not features.check("avif"):
        pytest.skip("this Pillow has no AVIF")
    path = tmp_path / f"IMG_1.{suffix}"
    path.write_bytes(encoded(halves((64, 32)).convert("L" if suffix == "pgm" else "RGB"), kind))
    photo = open_photo(path)
    assert photo.mode == "RGB" and photo.size == (64, 32) and kinds.picture_kind(path.read_bytes()) is not None
    if suffix != "pgm":
        assert near(colour_of(photo, 0.2), RED, 16) and near(colour_of(photo, 0.8), BLUE, 16)


def test_every_kind_that_is_opened_is_known_by_its_start_and_nothing_else_is():
    for kind in ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF", "PPM", "JPEG2000"):
        assert kinds.picture_kind(encoded(halves(), kind)[: kinds.HEAD]) is not None
    for content in (b"", b"hello", b"P5!", b"RIFF\0\0\0\0WAVE", b"%PDF-1.7", b"\0\0\0\x18ftypisom", b"PK\x03\x04"):
        assert kinds.picture_kind(content) is None


def test_sixteen_bit_grey_with_a_transparent_value_keeps_its_pixels():
    values = np.full((16, 16), 40000, np.uint16)
    values[:, 8:] = 123
    photo = open_photo(encoded(Image.fromarray(values), transparency=123))
    assert near(colour_of(photo, 0.2), (156, 156, 156), 1) and colour_of(photo, 0.8) == WHITE


def sixteen_bit_png(pixels: np.ndarray, transparent: tuple[int, int, int]) -> bytes:
    """(H, W, 3) uint16, which Pillow does not write."""
    height, width = pixels.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    return b"\x89PNG\r\n\x1a\n" + b"".join([
        chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)),
        chunk(b"tRNS", struct.pack(">HHH", *transparent)), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")])


def test_sixteen_bit_colours_with_a_transparent_one_keep_theirs():
    pixels = np.full((16, 16, 3), (60000, 30000, 200), np.uint16)
    pixels[:, 8:] = (300, 200, 100)
    photo = open_photo(sixteen_bit_png(pixels, (300, 200, 100)))
    assert near(colour_of(photo, 0.2), (234, 117, 0), 1) and colour_of(photo, 0.8) == WHITE


def test_megabytes_of_words_or_of_a_profile_are_no_damage():
    words = PngImagePlugin.PngInfo()
    words.add_text("packed", "x" * 3_000_000, zip=True)
    words.add_text("plain", "y" * 3_000_000)
    words.add_itxt("international", "z" * 3_000_000, zip=True)
    large = np.random.default_rng(0).bytes(3_000_000)
    for data in (encoded(halves(), pnginfo=words), encoded(halves(), icc_profile=large)):
        assert open_photo(data).tobytes() == halves().tobytes()


def test_xmp_still_says_which_way_is_up():
    words = PngImagePlugin.PngInfo()
    words.add_itxt("XML:com.adobe.xmp", '<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>')
    words.add_text("Comment", "hello")
    assert open_photo(encoded(halves(), pnginfo=words)).size == (20, 40)


def test_a_git_lfs_pointer_is_named():
    assert "git lfs pull" in refusal(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")


# Large ones


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF"])
@pytest.mark.parametrize("mode", ["RGB", "L", "P", "RGBA"])
def test_a_large_photo_is_reduced_by_a_power_of_two_and_says_so(kind, mode, monkeypatch):
    if kind == "JPEG" and mode in ("P", "RGBA"):
        return
    picture = Image.fromarray(ramp_of(640, 320)).convert(mode)
    data = encoded(picture, kind, **({"quality": 95} if kind == "JPEG" else {}))
    whole = open_photo(data).resize((160, 80), Image.Resampling.BOX)
    monkeypatch.setattr("photos.decoding.KEPT_PIXELS", 160 * 80 + 1)
    photo = open_photo(data)
    assert photo.size == (160, 80) and photo.info["size"] == (640, 320)
    assert photo.info["notes"] == ["It has 640 x 320 pixels, and was read at 160 x 80."]
    assert near(np.asarray(photo), np.asarray(whole), 8 if mode != "P" else 24)


def test_a_large_photo_on_its_side_stands_up(monkeypatch):
    monkeypatch.setattr("photos.decoding.KEPT_PIXELS", 100)
    exif = Image.Exif()
    exif[0x0112] = 6
    photo = open_photo(encoded(halves((80, 40)), "JPEG", exif=exif))
    assert photo.size[0] * 2 == photo.size[1] and photo.info["size"] == (40, 80)


def test_a_jpeg_is_reduced_while_it_is_decoded(monkeypatch):
    monkeypatch.setattr("photos.decoding.KEPT_PIXELS", 640 * 320 // 16)
    sizes = []
    load = ImageFile.ImageFile.load
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda self: (load(self), sizes.append(self.size))[0])
    assert open_photo(encoded(halves((640, 320)), "JPEG")).size == (160, 80) and sizes[0] == (160, 80)


def test_a_local_command_may_open_what_the_page_refuses(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)  # Pillow's own limit, of which the double is an error
    small = limits.Limits(max_bytes=2000, max_pixels=999)
    data = encoded(halves((100, 50)))
    with pytest.raises(ValueError, match="million pixels"):
        open_for(data, limits=small)
    with pytest.raises(ValueError, match="larger than"):
        open_for(b"\0" * 3000, limits=small)
    assert open_for(data, limits=limits.local_limits(5000)).size == (100, 50)
    with pytest.raises(ValueError, match="--max-pixels"):
        open_for(data, limits=limits.local_limits(4999))
    with pytest.raises(ValueError, match="it must be from 1"):
        limits.local_limits(0)


@pytest.mark.parametrize("mode", ["L", "RGB", "I;16", "F"])
def test_what_decoding_takes_is_known_from_the_header(mode, monkeypatch):
    data = encoded(Image.new(mode, (300, 200)), "TIFF")
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda *_: pytest.fail("decoded"))
    width, height, needed = photo_size(data)
    assert (width, height) == (300, 200) and needed >= 300 * 200 * 6


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.float32])
def test_deep_pixels_are_read_in_bands_and_no_band_shows(dtype, monkeypatch):
    values = np.linspace(0, 60000, 97 * 53).reshape(97, 53).astype(dtype)
    data = encoded(Image.fromarray(values), "TIFF")
    whole = open_photo(data).tobytes()
    monkeypatch.setattr("photos.depth.BAND_PIXELS", 53 * 7)
    assert open_photo(data).tobytes() == whole


# One reader


def test_every_source_gives_the_same_pixels(tmp_path):
    picture = Image.fromarray(ramp_of(60, 40))
    path = tmp_path / "photo.png"
    picture.save(path)
    wanted = torch.from_numpy(np.array(picture)).permute(2, 0, 1)
    for source in (path, str(path), path.read_bytes(), picture):
        found = pixels_of(open_for(source))
        assert found.dtype == torch.uint8 and found.is_contiguous() and torch.equal(found, wanted)
    image = fit(picture, resolution=224, patch_size=16)
    assert torch.equal(image, photos_fit(wanted, resolution=224, patch_size=16))


def test_training_evaluation_index_and_page_see_the_same_image(tmp_path):
    """Grey of 16 bits with a profile of colours and on its side: whatever differs between readers would show."""
    exif = Image.Exif()
    exif[0x0112] = 8
    path = tmp_path / "a" / "photo.png"
    path.parent.mkdir()
    path.write_bytes(encoded(Image.fromarray(ramp_of(90, 60, np.uint16)[..., 0]), exif=exif))
    page = fit(open_photo(path), resolution=224, patch_size=16)
    evaluation = next(PhotoSet.open(tmp_path).images(resolution=224, patch_size=16))[1]
    training = photos_fit(open_photos(DataConfig(source=str(tmp_path))).read(0), resolution=224, patch_size=16)
    index = torch.from_numpy(prepare(path.read_bytes(), resolution=224, patch_size=16).pixels)
    assert torch.equal(evaluation, page[0]) and torch.equal(training, page)
    assert torch.equal(index.permute(2, 0, 1) / 255, page[0])


@pytest.mark.parametrize("patch_size", [14, 16])
@pytest.mark.parametrize("size", [(375, 500), (500, 375), (100, 100), (1, 900), (3000, 31)])
def test_a_fitted_photo_keeps_its_aspect_on_the_grid(size, patch_size):
    width, height = fitted_size(size, resolution=448, patch_size=patch_size)
    assert max(height, width) == 448 and height % patch_size == width % patch_size == 0 and min(height, width) > 0
    assert abs(width - max(448 * size[0] / max(size), patch_size)) <= patch_size / 2
    assert abs(height - max(448 * size[1] / max(size), patch_size)) <= patch_size / 2


def test_fit_is_in_0_1_and_leaves_a_photo_of_the_right_size_alone():
    picture = Image.fromarray(ramp_of(64, 32))
    same = photos_fit(picture, resolution=64, patch_size=16)
    assert same.dtype == torch.float32 and torch.equal(same[0], pixels_of(picture) / 255)
    larger = photos_fit(picture, resolution=224, patch_size=16)
    assert larger.shape == (1, 3, 112, 224) and larger.min() >= 0 and larger.max() <= 1
    with pytest.raises(ValueError, match="at least 1"):
        photos_fit(picture, resolution=0, patch_size=16)
