"""Words for the concepts of any model: learnt from a folder a class, kept beside the checkpoint, found by an index."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from index.concept_index import ConceptIndex
from index.errors import ConceptIndexError
from index.names.naming import LEAST_SCORE, MOST_NAMES, Namer, ProbeNamer, likely, namer_of
from model.checkpoints.identity import concepts_sha256
from model.config import StellarConfig
from model.factorization import Factorization
from model.probe import Probe, ProbeError, beside
from model.stellar import Stellar
from train.concept_probe import learn_probe
from train.evaluate import main as evaluate
from train.evaluators.photo_set import PhotoSet

PATCH = 8
COLOURS = {"red_kite": (255, 0, 0), "leaf": (0, 255, 0), "sea": (0, 0, 255)}


class ByColour:
    """Four concepts, black and three colours; a patch is of the nearest one."""

    name, sha256, patch_size, stellar = "by colour", "", PATCH, None
    colours = torch.tensor([[0.1, 0.1, 0.1, 1], [1, 0, 0, 1], [0, 1, 0, 1], [0, 0, 1, 1]])

    def factorize(self, images):
        patches = F.avg_pool2d(images, PATCH)
        features = F.pad(patches.flatten(2).mT, (0, 1), value=1.0)
        nearest = torch.cdist(features, self.colours[None].expand(len(images), -1, -1)).argmin(dim=2)
        return Factorization(self.colours.expand(len(images), -1, -1), F.one_hot(nearest, 4).float(), features,
                             features.mean(dim=1), tuple(patches.shape[2:]))


@pytest.fixture
def photos(tmp_path):
    """A coloured square on black; the black is in every class."""
    for name, colour in COLOURS.items():
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(4):
            picture = Image.new("RGB", (64, 64))
            picture.paste(colour, (0, 0, 32, 24 + PATCH * number))
            picture.save(tmp_path / "photos" / name / f"{number}.png")
    return PhotoSet.open(tmp_path / "photos")


@pytest.fixture
def checkpoint(tmp_path):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        Stellar(StellarConfig(width=16, depth=1, num_heads=2, mlp_width=16, native_size=32, num_tokens=4)).save(
            tmp_path / "tiny.safetensors")
    return tmp_path / "tiny.safetensors"


def probe_of(width: int, sha256: str) -> Probe:
    generator = torch.Generator().manual_seed(0)
    return Probe(("cat", "dog"), 20 * torch.randn(2, width, generator=generator), torch.zeros(2), sha256)


def test_a_concept_of_one_class_gets_its_name_and_what_is_in_all_gets_none(photos):
    probe = learn_probe(ByColour(), photos, sha256="a" * 64, resolution=64, batch_size=4)
    assert probe.words == ("leaf", "red kite", "sea") and probe.sha256 == "a" * 64
    scores = probe.scores(ByColour.colours)
    torch.testing.assert_close(scores.sum(dim=1), torch.ones(4))
    assert [probe.words[number] for number in scores[1:].argmax(dim=1)] == ["red kite", "leaf", "sea"]
    assert scores[1:].max(dim=1).values.min() > 0.7  # of four photos a class
    torch.testing.assert_close(scores[0], torch.full((3,), 1 / 3), atol=0.05, rtol=0)
    torch.testing.assert_close(probe.scores(7 * ByColour.colours), scores)  # a concept is a direction


def test_it_is_learnt_from_classes_alone(tmp_path):
    Image.new("RGB", (64, 64)).save(tmp_path / "photo.png")
    with pytest.raises(ValueError, match="a folder a class"):
        learn_probe(ByColour(), PhotoSet.open(tmp_path), sha256="a" * 64, resolution=64)


def test_saved_and_loaded_it_says_the_same(tmp_path):
    probe = probe_of(16, "b" * 64)
    probe.save(tmp_path / "model.probe.npz")
    loaded = Probe.load(tmp_path / "model.probe.npz")
    concepts = torch.randn(3, 16)
    assert (loaded.words, loaded.sha256) == (probe.words, probe.sha256)
    assert torch.equal(loaded.scores(concepts), probe.scores(concepts))


@pytest.mark.parametrize("content", [b"", b"PK and then nothing", b"hello"])
def test_a_damaged_file_is_a_sentence(tmp_path, content):
    (tmp_path / "model.probe.npz").write_bytes(content)
    with pytest.raises(ProbeError, match=r"model\.probe\.npz cannot be read .*--save-probe"):
        Probe.load(tmp_path / "model.probe.npz")


def test_names_are_few_and_likely():
    scores = torch.tensor([[[0.5, 0.3, LEAST_SCORE - 0.01], [0.34, 0.33, 0.33]]])
    assert likely(scores, ["a", "b", "c"]) == [[(("a", 0.5), ("b", 0.3)), (("a", 0.34), ("b", 0.33), ("c", 0.33))]]
    assert len(likely(scores, ["a", "b", "c"])[0][1]) == MOST_NAMES


def test_the_one_beside_the_checkpoint_names_its_concepts(checkpoint):
    stellar = Stellar.load(checkpoint, device="cpu", dtype="float32")
    assert namer_of(stellar) is None and namer_of(Stellar(stellar.config)) is None
    probe = probe_of(16, concepts_sha256(checkpoint))
    probe.save(beside(checkpoint))
    namer = namer_of(stellar)
    assert isinstance(namer, ProbeNamer)
    images = torch.rand(2, 3, 32, 32)
    factorization, names = namer.factorize(stellar, images)
    torch.testing.assert_close(factorization.localization, stellar.factorize(images).localization)
    best = probe.scores(factorization.semantics).max(dim=2)
    assert [[concept[0][0] for concept in photo] for photo in names] == [
        [probe.words[number] for number in row] for row in best.indices.tolist()]
    # One that was learnt on other weights would name concepts at random.
    probe_of(16, "c" * 64).save(beside(checkpoint))
    with pytest.raises(ConceptIndexError, match="other weights than tiny.safetensors; make it again"):
        namer_of(stellar)


def test_it_comes_before_the_words_of_a_stem():
    stellar = Stellar.load("nano", device="cpu")
    assert stellar.path.name == "nano.safetensors" and not beside(stellar.path).exists()
    assert isinstance(namer_of(stellar), Namer)


def test_evaluate_saves_it_and_an_index_has_its_words(photos, checkpoint, tmp_path, capsys):
    from index.__main__ import main as index

    arguments = [str(checkpoint), "--data", str(photos.root), "--protocol", "linear_probe", "--resolution", "224",
                 "--device", "cpu", "--save-probe"]
    assert evaluate(arguments) == 0
    assert "3 words for the concepts of tiny" in capsys.readouterr().err
    assert Probe.load(beside(checkpoint)).words == ("leaf", "red kite", "sea")
    assert evaluate(arguments) == 2 and "is there already; replace it with --overwrite" in capsys.readouterr().err
    assert index(["build", str(photos.root), "--out", str(tmp_path / "index"), "--model", str(checkpoint),
                  "--resolution", "224", "--quiet"]) == 0
    with ConceptIndex.open(tmp_path / "index") as made:
        assert set(made.words) <= {"leaf", "red kite", "sea"} and made.words
        scores = [score for photo in made.photos() for concept in made.concepts_of(photo.id)
                  for _, score in concept.names]
        assert scores and np.min(scores) >= LEAST_SCORE


def test_without_classes_evaluate_says_so(checkpoint, tmp_path, capsys):
    (tmp_path / "plain").mkdir()
    Image.new("RGB", (64, 64)).save(tmp_path / "plain" / "photo.png")
    assert evaluate([str(checkpoint), "--data", str(tmp_path / "plain"), "--save-probe"]) == 2
    assert "--save-probe learns" in capsys.readouterr().err
