"""Features lie on the disk, are had once a model, and what is learnt from parts of them is what the whole gives."""

import numpy as np
import pytest
import torch
from PIL import Image

from benchmarks.training import probe as probe_benchmark
from tests.train.evaluators.test_evaluators import FakeSubject, classed, outlined  # noqa: F401  photos of colours
from train.concept_probe import learn_probe
from train.evaluators import feature_files, knn, linear_probe, pooled, segmentation
from train.evaluators.feature_files import FeatureFiles

SETTINGS = {"resolution": 64, "batch_size": 2}


class CountingSubject(FakeSubject):
    """Says how many photos it has looked at."""

    def __init__(self):
        self.num_photos = 0

    def factorize(self, images):
        self.num_photos += len(images)
        return super().factorize(images)


def test_rows_are_an_npy_in_whatever_order_they_come(tmp_path):
    files = FeatureFiles(tmp_path)
    rows, values = files.rows("a", np.float32), np.arange(12, dtype=np.float32).reshape(6, 2)
    for row in (4, 0, 5, 1):
        rows.put(row, values[row : row + 1])
    kept = rows.kept([0, 1, 4, 5])
    assert isinstance(kept, np.memmap) and np.array_equal(kept, values[[0, 1, 4, 5]])
    assert np.array_equal(np.load(files.folder / "a.npy"), kept)
    more = files.rows("b", np.uint8)
    assert [more.add(np.full((count, 3, 2), count)) for count in (2, 1)] == [slice(0, 2), slice(2, 3)]
    assert more.mapped().shape == (3, 3, 2) and more.mapped()[:, 0, 0].tolist() == [2, 2, 1]
    del files
    assert not list(tmp_path.iterdir()), "gone with what used them"
    assert kept[3, 1] == 11


def test_pooled_features_are_mapped_and_both_probes_share_them(classed, tmp_path):  # noqa: F811
    classed.cache = tmp_path / "features"
    classed.cache.mkdir()
    bad = classed.paths[1]
    bad.write_bytes(b"no photo")
    subject = CountingSubject()
    had = pooled.pool_photos(subject, classed, **SETTINGS)
    assert len(list(classed.cache.iterdir())) == 1
    assert all(isinstance(features, np.memmap) and len(features) == 11 for features in had.features.values())
    readable = [path for path in classed.paths if path != bad]
    ranks = dict(zip(classed.paths, classed.ranks, strict=True))
    for place, path in enumerate(sorted(readable, key=lambda path: ranks[path] % 2)):
        with Image.open(path) as picture:
            mean = np.asarray(picture).mean(axis=(0, 1)) / 255
        assert had.features["mean_patch_feature"][place, :3] == pytest.approx(mean, abs=1e-5)
        assert classed.class_names[had.labels[place]] == path.parent.name
    assert had.num_known == sum(ranks[path] % 2 == 0 for path in readable)
    for probe in (knn, linear_probe):
        assert dict(probe.evaluate(subject, classed, pooled=had))
    assert subject.num_photos == 11
    del had
    assert not list(classed.cache.iterdir())


def test_both_probes_of_patches_share_one_look_at_the_photos(outlined, tmp_path, monkeypatch):  # noqa: F811
    outlined.cache = tmp_path / "features"
    outlined.cache.mkdir()
    monkeypatch.setattr(segmentation, "NUM_STEPS", 2)
    learnt, learn = [], segmentation.learn

    def learn_once(half, name, **options):
        learnt.extend((name, type(photo.features[name]), type(photo.labels), type(photo.shares)) for photo in half)
        return learn(half, name, **options)

    monkeypatch.setattr(segmentation, "learn", learn_once)
    subject = CountingSubject()
    assert len(dict(segmentation.evaluate(subject, outlined, **SETTINGS))) == 2
    assert subject.num_photos == 6 and {name for name, *_ in learnt} == set(segmentation.FEATURES)
    assert {kind for _, *kinds in learnt for kind in kinds} == {np.memmap}
    assert not list(outlined.cache.iterdir())


@pytest.mark.parametrize("classify", [knn.vote, linear_probe.classify])
def test_parts_of_the_features_teach_what_the_whole_does(monkeypatch, classify):
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 5, (120,), generator=generator)
    centres = torch.randn(5, 16, generator=generator)
    known = centres[labels] + torch.randn(120, 16, generator=generator)
    asking = torch.randn(50, 16, generator=generator) + centres[torch.randint(0, 5, (50,), generator=generator)]
    whole = classify(known, labels, asking)
    for module in (knn, linear_probe, pooled):
        monkeypatch.setattr(module, "CHUNK", 32)
    assert torch.equal(classify(known, labels, asking), whole)


def test_moments_are_the_columns_own(monkeypatch):
    rows = torch.randn(100, 7, generator=torch.Generator().manual_seed(0)) + 5
    monkeypatch.setattr(pooled, "CHUNK", 33)
    mean, std = pooled.moments(rows)
    assert torch.allclose(mean, rows.mean(dim=0)) and torch.allclose(std, rows.std(dim=0, correction=0))


def test_words_of_concepts_are_learnt_from_mapped_ones_too(classed, tmp_path):  # noqa: F811
    classed.cache = tmp_path / "features"
    classed.cache.mkdir()
    classed.paths[0].write_bytes(b"no photo")
    probe = learn_probe(CountingSubject(), classed, sha256="0", resolution=64)
    assert len(probe.words) == 3 and not list(classed.cache.iterdir())


def test_a_full_disk_is_one_sentence(tmp_path, monkeypatch):
    rows = FeatureFiles(tmp_path).rows("a", np.float32)

    def refuse(self, *arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(feature_files.Path, "open", refuse)
    with pytest.raises(ValueError, match=r"cannot be written in .* \(No space left on device\); give --cache FOLDER"):
        rows.put(0, np.zeros((1, 2)))
    with pytest.raises(ValueError, match="cannot be written in .*; give --cache FOLDER"):
        FeatureFiles(tmp_path / "none")


def test_a_probe_is_timed_beside_a_plain_one_that_answers_alike(capsys):
    assert probe_benchmark.main(["--vectors", "80", "--classes", "4", "--width", "8", "--pairs", "1"]) == 0
    rows = dict(line.strip("| ").split(" | ", 1) for line in capsys.readouterr().out.splitlines() if " | " in line)
    ours, plain = (rows[name].split(" | ") for name in ("linear probe", probe_benchmark.PLAIN))
    assert plain[1] == "1.00" and ours[2] == plain[2]
