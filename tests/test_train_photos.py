"""Photos for training and evaluation: found in order, upright, and of a size that a patch divides."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from model.photo import list_photos
from train.photos import decode, fit, fitted_size


def drawn(width: int = 40, height: int = 24, seed: int = 0) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


def test_photos_are_listed_in_order_through_folders_and_links(tmp_path):
    data = tmp_path / "data"
    for name in ("b/2.PNG", "a/1.jpg", "0.webp", ".hidden.jpg", "a/._1.jpg", ".git/x.jpg", "a/1.txt"):
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).touch()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "9.jpeg").touch()
    (data / "c").symlink_to(tmp_path / "elsewhere")
    assert [path.relative_to(data).as_posix() for path in list_photos(data)] == [
        "0.webp", "a/1.jpg", "b/2.PNG", "c/9.jpeg"]


def test_a_folder_without_photos_is_named(tmp_path):
    (tmp_path / "notes.txt").touch()
    for folder, what in ((tmp_path, "no photos"), (tmp_path / "nothing", "does not exist"),
                         (tmp_path / "notes.txt", "is a file")):
        with pytest.raises(ValueError, match=what) as caught:
            list_photos(folder)
        assert str(folder) in str(caught.value)


def test_a_photo_is_the_same_as_file_bytes_and_image(tmp_path):
    image, file = drawn(), tmp_path / "photo.png"
    image.save(file)
    wanted = torch.from_numpy(np.array(image)).permute(2, 0, 1)
    for source in (file, str(file), file.read_bytes(), image):
        found = decode(source)
        assert found.dtype == torch.uint8 and found.is_contiguous() and torch.equal(found, wanted)


def test_a_photo_on_its_side_stands_up(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turn a quarter to the right to stand
    buffer = io.BytesIO()
    drawn(40, 24).save(buffer, "PNG", exif=exif)
    assert torch.equal(decode(buffer.getvalue()), torch.rot90(decode(drawn(40, 24)), -1, (1, 2)))


def test_grey_deep_and_transparent_become_rgb():
    deep = np.full((8, 8), 40000, np.uint16)
    assert decode(Image.fromarray(deep)).unique().tolist() == [40000 >> 8]
    assert decode(Image.new("L", (8, 8), 7)).unique().tolist() == [7]
    assert decode(Image.new("RGBA", (8, 8), (9, 9, 9, 0))).unique().tolist() == [255]
    assert decode(Image.new("P", (8, 8))).shape == (3, 8, 8)
    assert decode(Image.new("CMYK", (8, 8))).unique().tolist() == [255]


@pytest.mark.parametrize("content", [b"", b"no photo", b"\xff\xd8\xff\xe0 cut", b"%!PS-Adobe-3.0 EPSF-3.0\n"])
def test_a_broken_photo_is_named(tmp_path, content):
    file = tmp_path / "broken.jpg"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=r"broken\.jpg cannot be read as a photo"):
        decode(file)
    with pytest.raises(ValueError, match="The photo cannot be read"):
        decode(content)


def test_a_photo_cut_short_and_one_that_is_gone_are_named(tmp_path):
    buffer = io.BytesIO()
    drawn(200, 200).save(buffer, "JPEG")
    (tmp_path / "short.jpg").write_bytes(buffer.getvalue()[:2000])
    for name in ("short.jpg", "gone.jpg"):
        with pytest.raises(ValueError, match=name):
            decode(tmp_path / name)


@pytest.mark.parametrize("patch_size", [14, 16])
@pytest.mark.parametrize("size", [(375, 500), (500, 375), (100, 100), (1, 900), (3000, 31)])
def test_a_fitted_photo_keeps_its_aspect_on_the_grid(size, patch_size):
    height, width = fitted_size(size, resolution=448, patch_size=patch_size)
    assert max(height, width) == 448 and height % patch_size == width % patch_size == 0 and min(height, width) > 0
    assert abs(height - max(448 * size[0] / max(size), patch_size)) <= patch_size / 2
    assert abs(width - max(448 * size[1] / max(size), patch_size)) <= patch_size / 2


def test_fit_is_in_0_1_and_leaves_a_photo_of_the_right_size_alone():
    photo = decode(drawn(64, 32))
    same = fit(photo, resolution=64, patch_size=16)
    assert same.dtype == torch.float32 and torch.equal(same, photo.float() / 255)
    larger = fit(photo, resolution=224, patch_size=16)
    assert larger.shape == (3, 112, 224) and larger.min() >= 0 and larger.max() <= 1
    plain = torch.full((3, 50, 70), 51, dtype=torch.uint8)
    assert torch.allclose(fit(plain, resolution=32, patch_size=8), torch.tensor(0.2), atol=1e-5)
    with pytest.raises(ValueError, match="at least 1"):
        fit(photo, resolution=0, patch_size=16)
