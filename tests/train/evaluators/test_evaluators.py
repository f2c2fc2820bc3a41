"""The evaluators by their laws: what a perfect subject scores, what an idle one scores, and what is left out."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import timm
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw
from safetensors.torch import save_file
from torchmetrics.image.fid import FrechetInceptionDistance

from model.backbones import Backbone, BackboneError
from model.config import DecoderConfig, StellarConfig, TokenizerConfig
from model.factorization import Factorization
from model.operations.kmeans import kmeans
from model.stellar import Stellar
from photos.sources.report import Reason
from tests.photo_folders import fill, make_mess
from train.evaluators import Unavailable, equivariance, knn, linear_probe, mass, objects, reconstruction, segmentation
from train.evaluators.outlines import Boxes, Outline, layout_of, read_outlines
from train.evaluators.photo_set import PhotoSet
from train.subjects import StellarSubject, TimmSubject, labelled, name_of, parse_peer

PATCH = 8
SETTINGS = {"resolution": 64, "batch_size": 4}


class FakeSubject:
    """Its tokens are colours (and a one): black, red, green, blue. A patch lies where its mean colour is nearest."""

    name, sha256, patch_size, stellar = "fake", "", PATCH, None
    colours = torch.tensor([[0.0, 0, 0, 1], [1, 0, 0, 1], [0, 1, 0, 1], [0, 0, 1, 1]])

    def factorize(self, images):
        patches = F.avg_pool2d(images, PATCH)
        features = F.pad(patches.flatten(2).mT, (0, 1), value=1.0)
        nearest = torch.cdist(features, self.colours[None].expand(len(images), -1, -1)).argmin(dim=2)
        localization = F.one_hot(nearest, len(self.colours)).float()
        semantics = self.colours.expand(len(images), -1, -1)
        return Factorization(semantics, localization, features, features.mean(dim=1), tuple(patches.shape[2:]))


def draw(path, boxes, *, size=(64, 64)):
    """A black photo with boxes (colour, left, top, right, bottom) in pixels, the last two outside."""
    picture = Image.new("RGB", size)
    for colour, left, top, right, bottom in boxes:
        ImageDraw.Draw(picture).rectangle((left, top, right - 1, bottom - 1), fill=colour)
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path)


@pytest.fixture
def outlined(tmp_path):
    """Red and green boxes on the patches' borders, with their outlines."""
    generator = np.random.default_rng(0)
    for number in range(6):
        left, top = (int(value) * PATCH for value in generator.integers(0, 2, 2))
        boxes = [("red", left, top, left + 16, top + 24), ("lime", 40, 32 + top, 64, 48 + top)]
        draw(tmp_path / f"{number}.png", boxes)
        lines = [f"{name} {l / 64} {t / 64} {r / 64} {t / 64} {r / 64} {b / 64} {l / 64} {b / 64}"
                 for name, (_, l, t, r, b) in zip(("apple", "leaf"), boxes, strict=True)]  # noqa: E741
        small = [] if number % 2 else ["dust 0 0 0.05 0.05"]  # in one half alone
        (tmp_path / f"{number}.txt").write_text("\n".join([*lines, *small, ""]))
    draw(tmp_path / "9.png", [("blue", 0, 0, 32, 32)])  # no outlines: left out
    return PhotoSet.open(tmp_path)


@pytest.fixture
def classed(tmp_path):
    for label, colour in enumerate(("red", "lime", "blue")):
        for number in range(4):
            draw(tmp_path / colour / f"{number}.png", [(colour, 0, 0, 64 - PATCH * number, 48 + label)])
    return PhotoSet.open(tmp_path)


# Photos


def test_photos_know_their_classes(classed):
    assert classed.class_names == ["blue", "lime", "red"] and classed.ranks[:5] == [0, 1, 2, 3, 0]
    assert not classed.has_outlines


def test_a_limit_spreads_over_the_classes(classed):
    few = PhotoSet.open(classed.root, limit=6)
    assert few.class_names == ["blue", "lime", "red"] and few.ranks == [0, 1] * 3
    assert PhotoSet.open(classed.root, limit=4).class_names == ["blue", "lime"]
    assert len(PhotoSet.open(classed.root, limit=99)) == len(classed)


def test_a_bad_photo_is_left_out_named_and_moves_no_other(outlined):
    before = dict(objects.evaluate(FakeSubject(), outlined, **SETTINGS))
    outlined.paths[2].write_bytes(b"no photo")
    seen = [index for index, _ in outlined.images(resolution=64, patch_size=PATCH)]
    assert seen == [0, 1, 3, 4, 5, 6] and list(outlined.skipped) == [outlined.paths[2]]
    after = dict(objects.evaluate(FakeSubject(), outlined, **SETTINGS))
    assert before["objects/count"] == 12 and after["objects/count"] == 10


def test_batches_hold_photos_of_one_size(tmp_path):
    for number, size in enumerate([(64, 64), (64, 32), (64, 64), (32, 64), (64, 64)]):
        draw(tmp_path / f"{number}.png", [], size=size)
    photos = PhotoSet.open(tmp_path)
    passed = []
    photos.progress = passed.append
    batches = list(photos.batches(resolution=64, patch_size=PATCH, batch_size=2))
    assert [indices for indices, _ in batches] == [[0, 2], [4], [1], [3]] and passed == [1] * 5
    assert [tuple(images.shape[2:]) for _, images in batches] == [(64, 64), (64, 64), (32, 64), (64, 32)]


def test_outlines_are_polygons_or_boxes(tmp_path):
    file = tmp_path / "a.txt"
    file.write_text("cat 0 0 0.5 0 0.5 1 0 1\n\n7 0.75 0.5 0.5 1\n")
    polygon, box = read_outlines(file)
    assert (polygon.label, box.label) == ("cat", "7")
    assert polygon.mask(64).mean() == 0.5
    assert box.mask(64).mean() == 0.125 and box.mask(64)[48, 40]
    for line in ("cat", "cat 0 0 1", "cat 0 0 1 x", "cat 0 0 3 3", "cat 0 nan 1 1"):
        file.write_text(f"cat 0 0 1 1\n{line}\n")
        with pytest.raises(ValueError, match=r"a\.txt, line 2, is no outline"):
            read_outlines(file)


@pytest.mark.parametrize(("lines", "wanted"), [
    (["0 0.1 0.1 0.5 0.5", "0 0.3 0.4 0.9 0.8"], Boxes.CORNERS),  # a box round 0.1 would leave the photo
    (["0 0.5 0.5 0.2 0.3", "1 0.4 0.4 0.6 0.6"], Boxes.CENTRES),  # the first ends before it begins
    (["0 0.1 0.1 0.9 0.1 0.5 0.9"], None),
])
def test_what_the_numbers_of_boxes_are_is_seen_from_the_whole_set(tmp_path, lines, wanted):
    for number, line in enumerate(lines):
        (tmp_path / f"{number}.txt").write_text(f"{line}\n")
    assert layout_of(sorted(tmp_path.glob("*.txt")), advice="--boxes") == wanted


@pytest.mark.parametrize(("lines", "says"), [
    (["0 0.4 0.4 0.6 0.6"], r"0\.txt, line 1\) can be read as .* and as .*; say which they are with --boxes"),
    (["0 0.5 0.5 0.2 0.3", "0 0.1 0.1 0.5 0.5"],
     r"neither of corners \(see .*0\.txt, line 1\) nor of .*1\.txt, line 1"),
])
def test_boxes_that_do_not_tell_are_refused_by_name(tmp_path, lines, says):
    for number, line in enumerate(lines):
        draw(tmp_path / f"{number}.png", [])
        (tmp_path / f"{number}.txt").write_text(f"{line}\n")
    with pytest.raises(ValueError, match=says):
        dict(objects.evaluate(FakeSubject(), PhotoSet.open(tmp_path), **SETTINGS))
    for boxes in Boxes:
        PhotoSet.open(tmp_path, boxes=boxes).outlines(0)


def test_a_box_by_its_centre_is_the_same_box(tmp_path):
    file = tmp_path / "a.txt"
    file.write_text("cat 0.5 0.25 0.5 0.5\n")
    (centre,) = read_outlines(file, Boxes.CENTRES)
    file.write_text("cat 0.25 0 0.75 0.5\n")
    (corners,) = read_outlines(file, Boxes.CORNERS)
    assert np.array_equal(centre.mask(64), corners.mask(64)) and centre.mask(64).mean() == 0.25


def test_a_part_of_a_set_reads_boxes_as_the_whole_does(tmp_path):
    for number, line in enumerate(["0 0.45 0.45 0.55 0.55", "0 0.5 0.5 0.3 0.3", "0 0.4 0.4 0.2 0.2"]):
        draw(tmp_path / f"{number}.png", [])
        (tmp_path / f"{number}.txt").write_text(f"{line}\n")
    few = PhotoSet.open(tmp_path, limit=1)
    assert len(few) == 1 and few.layout is few.with_outlines().layout is Boxes.CENTRES


def test_captions_beside_photos_are_no_outlines_and_are_counted(tmp_path):
    for number, text in enumerate([b"a photo of 3 dogs\n", b"caf\xe9 au lait", b"", b"7 0.1 0.1 0.4 0.4\n"]):
        draw(tmp_path / f"{number}.png", [("red", 8, 8, 24, 24)])
        (tmp_path / f"{number}.txt").write_bytes(text)
    photos = PhotoSet.open(tmp_path)
    assert photos.num_captions == 2 and photos.has_outlines and len(photos.with_outlines()) == 2
    assert [photos.outlines(index) is None for index in range(4)] == [True, True, False, False]
    assert dict(objects.evaluate(FakeSubject(), photos, **SETTINGS))["objects/count"] == 1
    (tmp_path / "3.txt").write_text("the last dog\n")
    assert not PhotoSet.open(tmp_path).has_outlines and PhotoSet.open(tmp_path).num_captions == 3


def test_measures_are_taken_over_a_folder_with_everything_in_it(tmp_path):
    make_mess(tmp_path)
    photos = PhotoSet.open(tmp_path)
    assert len([*photos.images(resolution=64, patch_size=PATCH)]) == 5 and not photos.skipped
    assert photos.others.counts[Reason.DANGLING] == 1
    (tmp_path / "a.jpg").unlink()
    assert len([*photos.images(resolution=64, patch_size=PATCH)]) == 4 and list(photos.skipped) == [tmp_path / "a.jpg"]


def test_a_folder_of_splits_is_measured_a_split_at_a_time(tmp_path):
    fill(tmp_path, "train/cat/0.png", "test/cat/1.png")
    with pytest.raises(ValueError, match="has the splits train, test; name the folder of one"):
        PhotoSet.open(tmp_path)
    assert len(PhotoSet.open(tmp_path / "test")) == 1


def test_an_outlines_mask_is_the_pixels_whose_middles_lie_in_it():
    def box(left, top, right, bottom):
        return Outline("a", np.array([(left, top), (right, top), (right, bottom), (left, bottom)]))

    mask = box(0.25, 0.5, 0.75, 0.875).mask(64)
    wanted = np.zeros((64, 64), bool)
    wanted[32:56, 16:48] = True
    assert np.array_equal(mask, wanted), "not a pixel more to the right and down"
    left, right = box(0, 0, 0.5, 1).mask(64), box(0.5, 0, 1, 1).mask(64)
    assert np.array_equal(left, ~right) and np.array_equal(left, right[:, ::-1])
    angles = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    disk = Outline("a", 0.5 + 0.3 * np.stack([np.cos(angles), np.sin(angles)], axis=1)).mask(448)
    assert disk.mean() == pytest.approx(np.pi * 0.3**2, rel=5e-3)
    assert np.argwhere(disk).mean(axis=0) + 0.5 == pytest.approx([224, 224], abs=0.2)


# k-NN and linear probe


@pytest.mark.parametrize("probe", [knn, linear_probe])
def test_separable_features_are_told_apart(classed, probe):
    name = probe.__name__.rsplit(".", 1)[1]
    scores = dict(probe.evaluate(FakeSubject(), classed, **SETTINGS))
    assert set(scores) == {f"{name}/{feature}" for feature in ("summary", "mean_concept", "mean_patch_feature")}
    assert scores[f"{name}/summary"] == scores[f"{name}/mean_patch_feature"] == 1
    assert scores[f"{name}/mean_concept"] == pytest.approx(1 / 3)  # the same four colours in every photo: chance


def test_the_nearest_weigh_most():
    known = F.normalize(torch.tensor([[1.0, 0.05], [1, 0.06], [1, 0.07], [0, 1], [0.1, 1]]), dim=1)
    labels = torch.tensor([0, 0, 0, 1, 1])
    assert knn.vote(known, labels, torch.tensor([[0.02, 1.0], [1, 0]])).tolist() == [1, 0]


def test_probes_need_classes(outlined):
    with pytest.raises(ValueError, match="a folder a class"):
        list(knn.evaluate(FakeSubject(), outlined, **SETTINGS))


# Objects and segmentation


def test_a_concept_that_is_the_object_scores_1(outlined):
    scores = dict(objects.evaluate(FakeSubject(), outlined, **SETTINGS))
    assert scores["objects/mean_best_iou"] > 0.95 and scores["objects/union_iou"] > 0.95
    assert scores["objects/share_at_0.5"] == 1
    assert scores["objects/count"] == 12  # the dust is below 2 % of the area, and 9.png has no outlines


def test_the_union_takes_the_concepts_that_lie_mostly_inside():
    canvas = torch.zeros(4, 10, 10, dtype=torch.bool)
    canvas[0, :5, :4], canvas[1, :5, 4:10], canvas[2, :, 8:] = True, True, True  # the last: half inside, no more
    target = torch.zeros(1, 10, 10, dtype=torch.bool)
    target[0, :5] = True
    best, union = objects.overlaps(canvas, target)
    assert best.item() == pytest.approx(0.6) and union.item() == pytest.approx(1)


def test_no_large_object_is_said(outlined):
    for file in outlined.root.glob("*.txt"):
        file.write_text("dust 0 0 0.05 0.05\n")
    with pytest.raises(ValueError, match="no outlines of at least 2%"):
        list(objects.evaluate(FakeSubject(), outlined, **SETTINGS))


def test_segmentation_learns_colours(outlined, monkeypatch):
    scores = dict(segmentation.evaluate(FakeSubject(), outlined, **SETTINGS))
    assert set(scores) == {"segmentation/patch_features_miou", "segmentation/low_rank_miou"}
    assert min(scores.values()) > 0.8  # logits on the grid round the corners off
    monkeypatch.setattr(segmentation, "NUM_STEPS", 20)
    first, second = (dict(segmentation.evaluate(FakeSubject(), outlined, **SETTINGS)) for _ in range(2))
    assert first == second


def test_mirrored_photos_with_mirrored_outlines_score_alike(outlined, tmp_path):
    """No mask, label or resized answer leans to a side."""
    (tmp_path / "mirrored").mkdir()
    for path in outlined.paths:
        with Image.open(path) as picture:
            picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(tmp_path / "mirrored" / path.name)
        for outline in read_outlines(path.with_suffix(".txt")) if path.with_suffix(".txt").exists() else []:
            corners = outline.corners * (-1, 1) + (1, 0)
            with (tmp_path / "mirrored" / path.name).with_suffix(".txt").open("a") as file:
                file.write(f"{outline.label} {' '.join(f'{value:.9f}' for value in corners.flat)}\n")
    mirrored = PhotoSet.open(tmp_path / "mirrored")
    for evaluator in (objects, segmentation):
        here, there = (dict(evaluator.evaluate(FakeSubject(), photos, **SETTINGS)) for photos in (outlined, mirrored))
        assert there == pytest.approx(here, abs=2e-3)


def test_segmentation_counts_the_classes_of_both_halves(outlined):
    outlined.paths[0].with_suffix(".txt").write_text("only_here 0 0 1 1\n")
    outlines = [outlined.outlines(index) or [] for index in range(6)]
    assert segmentation.shared_classes(outlines) == ["apple", "leaf"]
    assert segmentation.draw(outlines[0], ["apple"]).unique().tolist() == [segmentation.IGNORED]


# Mass


def factorization_of(localization, semantics, patch_features=None, patch_grid=None):
    patch_features = localization @ semantics if patch_features is None else patch_features
    patch_grid = patch_grid or (1, localization.shape[1])
    return Factorization(semantics, localization, patch_features, patch_features.mean(dim=1), patch_grid)


def test_explained_variance_is_1_of_a_product_and_0_of_the_mean():
    generator = torch.Generator().manual_seed(0)
    localization = torch.randn(2, 20, 4, generator=generator).softmax(dim=2)
    semantics = torch.randn(2, 4, 8, generator=generator)
    assert torch.allclose(mass.explained_variance(factorization_of(localization, semantics)), torch.ones(2))
    features = torch.randn(2, 20, 8, generator=generator)
    mean = features.mean(dim=1, keepdim=True).expand(-1, 4, -1)
    assert mass.explained_variance(factorization_of(localization, mean, features)).abs().max() < 1e-5
    assert mass.explained_variance(factorization_of(localization, mean)).isnan().all()


def test_mass_tells_heavy_light_and_dead(outlined):
    localization = torch.tensor([[[0.7, 0.2, 0.1, 0], [0.1, 0.5, 0.4, 0]]])
    values = mass.measure(factorization_of(localization, torch.eye(4)[None])).squeeze(0)
    assert values.tolist() == pytest.approx([0.4, 0.0, 2.0, 1.0, 0.25], abs=1e-6)
    scores = dict(mass.evaluate(FakeSubject(), outlined, **SETTINGS))
    names = ("heaviest", "lightest", "num_heavy", "explained_variance", "dead")
    assert set(scores) == {f"mass/{name}" for name in names}
    assert scores["mass/explained_variance"] == pytest.approx(1, abs=1e-4)  # boxes lie on the patches' borders


# Equivariance


@pytest.mark.parametrize("size", [(100, 100), (60, 200), (333, 250)])
def test_two_crops_share_60_percent(size):
    for seed in range(20):
        first, second = equivariance.two_crops(size, torch.Generator().manual_seed(seed))
        height = min(first[2], second[2]) - max(first[0], second[0])
        width = min(first[3], second[3]) - max(first[1], second[1])
        assert height * width / (size[0] * size[1]) == pytest.approx(0.6, abs=0.04)
        assert (first[2] - first[0], first[3] - first[1]) == (second[2] - second[0], second[3] - second[1])


def test_colours_stay_when_boxes_move(outlined):
    scores = dict(equivariance.evaluate(FakeSubject(), outlined, **SETTINGS))
    for change in equivariance.CHANGES:
        assert scores[f"equivariance/{change}/from_semantics"] == pytest.approx(0, abs=1e-5)
        assert scores[f"invariance/{change}/semantics_by_mass"] == pytest.approx(1, abs=1e-5)
    assert scores["equivariance/flips/unpredicted"] == pytest.approx(0, abs=1e-4)
    assert dict(equivariance.evaluate(FakeSubject(), outlined, **SETTINGS)) == scores
    assert dict(equivariance.evaluate(FakeSubject(), outlined, seed=1, **SETTINGS)) != scores


class Ramps:
    """Two tokens that share each patch by its mean red: they follow the photo by fractions of a patch."""

    name, sha256, patch_size, stellar = "ramps", "", PATCH, None

    def factorize(self, images):
        red = F.avg_pool2d(images[:, :1], PATCH)
        localization = torch.cat([red, 1 - red], dim=1).flatten(2).mT
        return factorization_of(localization, torch.eye(2).expand(len(images), -1, -1), patch_grid=tuple(red.shape[2:]))


def test_what_moves_by_less_than_a_patch_is_foretold(tmp_path):
    """A smooth photo: nothing is off by half a patch, in any change, whatever the photo's aspect."""
    for number, (height, width) in enumerate([(120, 160), (160, 96)]):
        down, across = np.mgrid[:height, :width] / (height, width)[0]
        red = 127 * (1 + 0.9 * np.sin(2.5 * down + 0.3) * np.cos(2 * across))
        pixels = np.stack([red, 0 * red, 0 * red], axis=2).round().astype(np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    scores = dict(equivariance.evaluate(Ramps(), PhotoSet.open(tmp_path), **SETTINGS | {"resolution": 128}))
    for change in equivariance.CHANGES:
        assert scores[f"equivariance/{change}/unpredicted"] < 0.03, change
        assert scores[f"invariance/{change}/low_rank"] > 0.999, change


# Reconstruction


class Pools(torch.nn.Module):
    """A stem of means over 8, 16 and 32 pixels."""

    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(()))

    def forward(self, image):
        return [F.avg_pool2d(image * self.scale, stride) for stride in (8, 16, 32)]


class Perfect:
    """Patch features that are the patch's pixels, a decoder that lays them down again, a tokenizer that keeps all."""

    name, sha256, patch_size = "perfect", "", PATCH

    def __init__(self, noise=0.0):
        self.noise = noise
        self.stellar = SimpleNamespace(
            decoder=SimpleNamespace(predicts_codes=True), decode=self.decode, device=torch.device("cpu"),
            tokenizer=SimpleNamespace(encode=lambda images: images, decode=lambda codes: codes),
            encoder=SimpleNamespace(embedding=SimpleNamespace(stem=Pools())))

    def factorize(self, images):
        unshuffled = F.pixel_unshuffle(images, PATCH)
        features = unshuffled.flatten(2).mT
        localization = torch.full((len(images), features.shape[1], 2), 0.5)
        return factorization_of(localization, torch.zeros(len(images), 2, features.shape[2]), features,
                                tuple(unshuffled.shape[2:]))

    def decode(self, factorization):
        pixels = F.pixel_shuffle(factorization.patch_features.mT.unflatten(2, factorization.patch_grid), PATCH)
        return (pixels + self.noise).clamp(0, 1)


def test_a_perfect_decoder_hits_the_ceiling(outlined):
    scores = dict(reconstruction.evaluate(Perfect(), outlined, **SETTINGS))
    for measure, best in (("psnr", 100), ("ssim", 1), ("stem_distance", 0)):
        assert scores[f"reconstruction/{measure}"] == pytest.approx(best, abs=1e-4)
        assert scores[f"reconstruction/ceiling_{measure}"] == pytest.approx(best, abs=1e-4)
        assert scores[f"reconstruction/floor_{measure}"] != pytest.approx(best, abs=1e-2)
    assert scores["reconstruction/stem_gain"] == pytest.approx(1, abs=1e-4)
    worse = dict(reconstruction.evaluate(Perfect(noise=0.1), outlined, **SETTINGS))
    assert 20 < worse["reconstruction/psnr"] < 22 and worse["reconstruction/ssim"] < 1
    assert isinstance(scores["reconstruction/lpips"], (float, Unavailable))


def test_the_floor_is_a_colour_a_concept():
    images = torch.zeros(1, 3, 16, 32)
    images[..., 16:] = torch.tensor([1.0, 0.5, 0]).view(1, 3, 1, 1)
    localization = F.one_hot(torch.tensor([[0, 0, 1, 1, 0, 0, 1, 1]]), 2).float()
    painted = reconstruction.colours_of_concepts(
        factorization_of(localization, torch.zeros(1, 2, 4), patch_grid=(2, 4)), images)
    assert torch.allclose(painted, F.avg_pool2d(images, 8))


def test_what_cannot_be_had_says_why(outlined):
    scores = dict(reconstruction.evaluate(FakeSubject(), outlined, **SETTINGS))
    assert scores and all(value == Unavailable("a peer has no decoder") for value in scores.values())
    subject = Perfect()
    subject.stellar.decoder.predicts_codes, subject.stellar.encoder.embedding = False, SimpleNamespace()
    scores = dict(reconstruction.evaluate(subject, outlined, **SETTINGS))
    assert "no tokenizer" in scores["reconstruction/ceiling_psnr"].reason
    assert "no stem" in scores["reconstruction/stem_gain"].reason
    assert isinstance(scores["reconstruction/psnr"], float)


@pytest.mark.parametrize("num_codes", [None, 32], ids=["pixels", "codes"])
def test_real_decoders_are_compared_at_their_size(outlined, num_codes):
    """A patch of 8 with a tokenizer of stride 16 gives a picture twice the photo's size."""
    tokenizer = TokenizerConfig(hidden_channels=32, channel_multipliers=(1,) * 5, num_res_blocks=1, code_width=8,
                                num_codes=32) if num_codes else None
    config = StellarConfig(
        width=32, depth=1, num_heads=2, mlp_width=32, patch_size=PATCH, native_size=64, num_tokens=4,
        decoder=DecoderConfig(width=32, depth=1, num_heads=2, mlp_width=32, num_codes=num_codes), tokenizer=tokenizer)
    torch.manual_seed(0)
    subject = StellarSubject("tiny", Stellar(config).eval().requires_grad_(False))
    images = torch.rand(2, 3, 64, 64)
    rebuilt = reconstruction.rebuild(subject, images)
    photo, pictures = reconstruction.compared(subject, images, rebuilt)
    assert set(pictures) == ({"", "floor_", "ceiling_"} if num_codes else {"", "floor_"})
    side = 128 if num_codes else 64
    assert all(picture.shape == (2, 3, side, side) for picture in (photo, *pictures.values()))
    assert photo.min() >= 0 and photo.max() <= 1
    scores = dict(reconstruction.evaluate(subject, outlined, **SETTINGS))
    assert math.isfinite(scores["reconstruction/psnr"]) and math.isfinite(scores["reconstruction/floor_ssim"])
    assert isinstance(scores["reconstruction/ceiling_psnr"], float) == bool(num_codes)


def test_the_ceiling_is_of_the_photo_that_training_takes_codes_of():
    """StellarLearner.reconstruction enlarges it so."""
    subject, images = Perfect(), torch.rand(2, 3, 56, 72)
    subject.stellar.decode = lambda factorization: torch.zeros(2, 3, 64, 82)
    photo, pictures = reconstruction.compared(subject, images, reconstruction.rebuild(subject, images))
    wanted = F.interpolate(images, size=(64, 82), mode="bicubic", align_corners=False).clamp(0, 1)
    assert torch.equal(photo, wanted) and torch.equal(pictures["ceiling_"], wanted)


def test_a_pixel_decoder_has_no_ceiling_whatever_tokenizer_lies_beside_it(outlined):
    """A tokenizer's stride need not even divide the picture."""
    subject = Perfect()
    subject.stellar.decoder.predicts_codes = False
    subject.stellar.tokenizer = SimpleNamespace(encode=lambda images: images[..., :5], decode=lambda codes: codes)
    scores = dict(reconstruction.evaluate(subject, outlined, **SETTINGS))
    assert scores["reconstruction/psnr"] == pytest.approx(100)
    assert "gives pixels" in scores["reconstruction/ceiling_psnr"].reason
    assert "gives pixels" in scores["reconstruction/stem_gain"].reason


class MeanColour(torch.nn.Module):
    num_features = 3

    def forward(self, pictures):
        assert pictures.dtype == torch.uint8
        return pictures.float().mean(dim=(2, 3))


def test_rfid_is_of_bytes_and_of_more_than_one_photo(outlined, monkeypatch):
    monkeypatch.setattr(reconstruction, "distances_at_hand",
                        lambda *asked: ({"psnr": reconstruction.psnr}, {"ssim": "", "stem_distance": "", "lpips": ""}))
    monkeypatch.setattr(reconstruction, "frechet_distance", lambda device: FrechetInceptionDistance(MeanColour()))
    scores = dict(reconstruction.evaluate(Perfect(), outlined, **SETTINGS))
    assert scores["reconstruction/rfid"] == pytest.approx(0, abs=1e-3)
    assert dict(reconstruction.evaluate(Perfect(noise=0.2), outlined, **SETTINGS))["reconstruction/rfid"] > 1
    one = PhotoSet(outlined.root, outlined.paths[:1])
    scores = dict(reconstruction.evaluate(Perfect(), one, **SETTINGS))
    assert "there is one" in scores["reconstruction/rfid"].reason
    assert reconstruction.as_bytes(torch.tensor([0, 0.4999 / 255, 254.6 / 255, 1])).tolist() == [0, 0, 255, 255]


# Subjects


def test_k_means_gives_a_factorization_however_few_colours(tmp_path):
    images = torch.rand(2, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    images[1] = 0.5
    save_file(timm.create_model("resnet10t").state_dict(), tmp_path / "resnet.safetensors")
    subject = TimmSubject(Backbone("resnet10t", weights=tmp_path / "resnet.safetensors"))
    found = subject.factorize(images)
    assert subject.patch_size == 16 and subject.stellar is None and found.patch_grid == (4, 6)
    assert found.patch_features.shape[2] == 256 + 512 and torch.equal(found.localization.sum(dim=2), torch.ones(2, 24))
    assert set(found.localization.unique().tolist()) == {0, 1} and found.num_tokens == 16
    assert found.semantics.isfinite().all()
    again = subject.factorize(images)
    assert torch.equal(again.localization, found.localization)
    one = np.ones((9, 3), np.float32)
    centroids, one_hot = kmeans(one, num_centroids=16, seed=0)
    assert (centroids == 1).all() and (one_hot.sum(axis=0) > 0).sum() == 1


def test_a_vit_from_a_file_gives_one_block_on_any_grid(tmp_path):
    torch.manual_seed(0)
    options = {"num_classes": 10, "img_size": 64, "patch_size": 16}
    whole = timm.create_model("vit_tiny_patch16_224", **options).eval()
    save_file({name: tensor.half() for name, tensor in whole.state_dict().items()}, tmp_path / "vit.safetensors")
    spec = f"vit_tiny_patch16_224={tmp_path / 'vit.safetensors'}"
    images = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    subject = TimmSubject.open(f"{spec}:10", device="cpu")
    features, patch_grid = subject.patch_features(images)
    wanted = whole.forward_intermediates((images - 0.5) / 0.5, indices=[10], norm=True, intermediates_only=True)[0]
    assert patch_grid == (4, 4) and torch.allclose(features, wanted.flatten(2).mT, atol=0.05)
    assert len(subject.sha256) == 64 and subject.name == "vit_tiny_patch16_224"
    assert TimmSubject.open(spec, device="cpu").factorize(torch.rand(1, 3, 32, 96)).patch_grid == (2, 6)
    with pytest.raises(ValueError, match="the blocks 0 to 11 and no block 12"):
        TimmSubject.open(f"{spec}:12", device="cpu")
    with pytest.raises(BackboneError, match=r"vit\.safetensors lacks .* of this model's parameters"):
        TimmSubject.open(f"resnet10t={tmp_path / 'vit.safetensors'}", device="cpu")
    with pytest.raises(BackboneError, match="gone.safetensors cannot be read: No such file"):
        TimmSubject.open(f"resnet10t={tmp_path / 'gone.safetensors'}", device="cpu")
    with pytest.raises(BackboneError, match="no model 'vit_enormous'"):
        TimmSubject.open("vit_enormous", device="cpu")


def test_a_network_of_stages_has_no_block_to_choose(tmp_path):
    save_file(timm.create_model("resnet10t").state_dict(), tmp_path / "resnet.safetensors")
    with pytest.raises(BackboneError, match="resnet10t is a network of stages, .* leave :2 out"):
        TimmSubject.open(f"resnet10t={tmp_path / 'resnet.safetensors'}:2", device="cpu")


def test_a_failed_download_is_one_sentence(monkeypatch):
    def refuse(*arguments, pretrained=False, **options):
        raise OSError("no route to host\nand more")

    monkeypatch.setattr(timm, "create_model", refuse)
    with pytest.raises(BackboneError, match=r"could not be downloaded \(no route to host\)"):
        TimmSubject.open("resnet18", device="cpu")


def test_names_of_subjects(tmp_path):
    assert parse_peer("a=/x/y.safetensors:10") == ("a", "/x/y.safetensors", 10)
    assert parse_peer("a:3") == ("a", None, 3) and parse_peer("a.tag=b=c.bin") == ("a.tag", "b=c.bin", None)
    with pytest.raises(ValueError, match="--peer"):
        parse_peer("=file")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "model.safetensors").touch()
    (tmp_path / "a=b.safetensors").touch()
    assert name_of("nano") == "nano" and name_of(str(tmp_path / "run")) == "run"
    assert name_of(str(tmp_path / "run" / "model.safetensors")) == "run"
    assert labelled("first=nano") == ("first", "nano")
    assert labelled(str(tmp_path / "a=b.safetensors")) == (None, str(tmp_path / "a=b.safetensors"))
