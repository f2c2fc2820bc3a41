"""Names: the stem's own classifier, applied where a concept is."""

import io
from dataclasses import replace
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file

from index.errors import ConceptIndexError
from index.names import naming
from index.names.hedging import is_certain
from index.names.naming import LEAST_SCORE, MOST_NAMES, STEM, Namer, head_of, main, words_of
from model.config import StellarConfig
from model.encoder import STEM_MEAN, STEM_STD, normalise
from model.factorization import Factorization
from model.stellar import Stellar
from photos.decoding import open_photo
from photos.fitting import fit

ROOT = Path(__file__).resolve().parent.parent.parent.parent
DESCRIPTIONS = [f"word {number}, other word {number}" for number in range(1000)]


def tiny(stem: str | None = STEM) -> Stellar:
    config = StellarConfig(width=32, depth=1, num_heads=2, mlp_width=32, native_size=32, num_tokens=4, stem=stem)
    return Stellar(config).eval().requires_grad_(False)


@pytest.fixture(scope="module")
def whole() -> torch.nn.Module:
    """The whole network, seeded, its batch norms as after some training and its classifier sure of what it says."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = timm.create_model(STEM).eval().requires_grad_(False)
        for _, buffer in network.named_buffers():
            if buffer.is_floating_point():
                buffer.copy_(0.5 + torch.rand_like(buffer))
        network.bn2.weight.uniform_(0.5, 2)
        network.bn2.bias.uniform_(-1, 1)
        network.classifier.weight.mul_(30)
    return network


@pytest.fixture(scope="module")
def stellar(whole) -> Stellar:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        stellar = tiny()
    stellar.encoder.embedding.stem.load_state_dict(whole.state_dict(), strict=False)
    return stellar


@pytest.fixture(scope="module")
def namer(whole) -> Namer:
    return Namer(head_of(whole.state_dict(), DESCRIPTIONS))


def images(count: int = 2, side: int = 64) -> torch.Tensor:
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(3))


def located(localization: torch.Tensor, patch_grid: tuple[int, int]) -> Factorization:
    batch, num_patches, num_tokens = localization.shape
    return Factorization(torch.zeros(batch, num_tokens, 8), localization, torch.zeros(batch, num_patches, 8),
                         torch.zeros(batch, 8), patch_grid)


def features_of(whole: torch.nn.Module, picture: torch.Tensor) -> torch.Tensor:
    """(B, 320, rows, cols): what goes into the head."""
    return whole.blocks(whole.bn1(whole.conv_stem(normalise(picture, STEM_MEAN, STEM_STD))))


def test_a_concept_that_is_the_whole_photo_is_named_as_the_network_names_the_photo(whole, namer):
    picture = images()
    everywhere = torch.zeros(2, 16, 4)
    everywhere[..., 1] = 1
    scores = namer.scores(features_of(whole, picture), located(everywhere, (4, 4)))
    expected = whole(normalise(picture, STEM_MEAN, STEM_STD)).softmax(dim=1)
    assert expected.max() > 2 / 1000  # it does say something
    torch.testing.assert_close(scores[:, 1], expected, atol=2e-3, rtol=2e-2)
    assert not scores[:, [0, 2, 3]].any()  # these are nowhere


def test_a_concept_is_named_by_what_lies_under_its_mask_alone(namer):
    generator = torch.Generator().manual_seed(4)
    features = torch.randn(1, 320, 2, 4, generator=generator)
    localization = torch.zeros(1, 32, 2)  # (4, 8) patches, 2 x 2 a position of stride 32
    halves = localization.view(1, 4, 8, 2)
    halves[:, :, :4, 0], halves[:, :, 4:, 1] = 1, 1
    before = namer.scores(features, located(localization, (4, 8)))
    features[..., 2:] = torch.randn(1, 320, 2, 2, generator=generator)
    after = namer.scores(features, located(localization, (4, 8)))
    torch.testing.assert_close(before[:, 0], after[:, 0])
    assert not torch.allclose(before[:, 1], after[:, 1])
    torch.testing.assert_close(after.sum(dim=2), torch.ones(1, 2))


def test_the_order_of_tokens_changes_nothing_but_the_order_of_names(namer):
    generator = torch.Generator().manual_seed(5)
    features = torch.randn(1, 320, 2, 2, generator=generator)
    localization = torch.rand(1, 9, 4, generator=generator).softmax(dim=2)
    order = [2, 0, 3, 1]
    names = namer.names(features, located(localization, (3, 3)))[0]
    assert namer.names(features, located(localization[..., order], (3, 3)))[0] == [names[token] for token in order]


def test_names_are_few_likely_and_the_best_first(whole):
    head = head_of(whole.state_dict(), DESCRIPTIONS)
    head["classifier_weight"] = np.zeros_like(head["classifier_weight"])
    head["classifier_bias"] = np.full(1000, -50.0)
    head["classifier_bias"][[7, 3, 900, 5]] = np.log([0.3, 0.4, 0.25, 0.05])
    everywhere = torch.ones(1, 4, 1) * 2  # above the threshold of one token
    names = Namer(head).names(torch.zeros(1, 320, 1, 1), located(everywhere, (2, 2)))[0][0]
    assert [word for word, _ in names] == ["word 3", "word 7", "word 900"] and len(names) == MOST_NAMES
    assert [score for _, score in names] == pytest.approx([0.4, 0.3, 0.25], abs=1e-4)
    head["classifier_bias"][[7, 3, 900, 5]] = np.log([0.3, LEAST_SCORE - 0.01, 0.5, 0.01])
    assert len(Namer(head).names(torch.zeros(1, 320, 1, 1), located(everywhere, (2, 2)))[0][0]) == 2


def test_one_pass_gives_the_factorization_and_the_names_of_each_photo(stellar, namer, whole):
    picture = images()
    factorization, names = namer.factorize(stellar, picture)
    torch.testing.assert_close(factorization.localization, stellar.factorize(picture).localization)
    assert names == namer.names(features_of(whole, picture), factorization) and len(names) == 2
    assert not stellar.encoder.embedding.stem._forward_hooks


def test_a_factorization_at_hand_is_named_as_in_one_pass(stellar, namer):
    picture = torch.rand(1, 3, 64, 96, generator=torch.Generator().manual_seed(5))
    encodes = []
    factorization, names = namer.factorize(stellar, picture)
    hook = stellar.encoder.register_forward_hook(lambda *_: encodes.append(1))
    try:
        assert namer.name(stellar, picture, factorization) == names and not encodes
    finally:
        hook.remove()


def test_two_threads_with_one_model_do_not_see_each_others_photos(stellar, namer):
    pictures = [images(1, 32 * side) for side in (1, 2, 3, 4)]
    alone = [namer.factorize(stellar, picture)[1] for picture in pictures]
    found: dict[int, list] = {}

    def work(number: int) -> None:
        found[number] = [namer.factorize(stellar, pictures[number])[1] for _ in range(10)]

    threads = [Thread(target=work, args=(number,)) for number in range(len(pictures))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == len(pictures)
    for number, answers in found.items():
        for again in answers:  # a sum in another order may round the last digit the other way
            assert [[[word for word, _ in names] for names in photo] for photo in again] \
                == [[[word for word, _ in names] for names in photo] for photo in alone[number]]
            assert [score for photo in again for names in photo for _, score in names] \
                == pytest.approx([score for photo in alone[number] for names in photo for _, score in names], abs=1e-3)


def test_only_models_with_the_stem_have_names(stellar):
    assert Namer.of(tiny(stem=None)) is None
    other = tiny(stem=None)
    other.config = replace(other.config, stem="tf_efficientnet_lite1")
    assert Namer.of(other) is None
    assert Namer.of(stellar).words[:2] == ["tench", "goldfish"]


@pytest.mark.parametrize("content", [None, b"PK and then nothing", b""])
def test_a_missing_or_damaged_file_of_names_is_a_sentence(stellar, tmp_path, monkeypatch, content):
    if content is not None:
        (tmp_path / "names.npz").write_bytes(content)
    monkeypatch.setattr(naming, "NAMES_FILE", tmp_path / "names.npz")
    with pytest.raises(ConceptIndexError, match="git checkout"):
        Namer.of(stellar)


def test_words_are_first_synonyms_unless_two_classes_share_them():
    assert words_of(["tabby, tabby cat", "Cardigan, Cardigan Welsh corgi", "cardigan", "tank suit, maillot"]) == [
        "tabby", "Cardigan Welsh corgi", "cardigan", "tank suit"]


def test_the_command_writes_what_the_repository_ships_reads(whole, tmp_path, capsys):
    save_file(whole.state_dict(), tmp_path / "whole.safetensors")
    assert main([str(tmp_path / "whole.safetensors"), "--out", str(tmp_path / "names.npz")]) == 0
    with np.load(tmp_path / "names.npz") as made, np.load(naming.NAMES_FILE) as shipped:
        assert {name: made[name].shape for name in made} == {name: shipped[name].shape for name in shipped}
        assert made["words"].tolist() == shipped["words"].tolist()
        assert len(set(map(str.casefold, made["words"].tolist()))) >= 998
    assert "1000 names" in capsys.readouterr().out


def test_the_command_refuses_what_is_no_such_network_in_a_sentence(whole, tmp_path, capsys):
    headless = {name: tensor for name, tensor in whole.state_dict().items() if not name.startswith("classifier")}
    save_file(headless, tmp_path / "headless.safetensors")
    (tmp_path / "text.safetensors").write_bytes(io.BytesIO(b"no tensors").getvalue())
    for name in ("headless", "text", "gone"):
        assert main([str(tmp_path / f"{name}.safetensors"), "--out", str(tmp_path / "names.npz")]) == 2
        said = capsys.readouterr().err
        assert said.count("\n") == 1 and f"{name}.safetensors" in said
    assert not (tmp_path / "names.npz").exists()


def test_a_macaw_is_called_a_macaw():
    """The shipped file fits the stem of the shipped model."""
    stellar = Stellar.load("nano", device="cpu", dtype="float32")
    photo = open_photo(ROOT / "assets" / "examples" / "macaw.jpg")
    _, names = Namer.of(stellar).factorize(stellar, fit(photo, resolution=448, patch_size=16))
    certain = {concept[0][0] for concept in names[0] if concept and is_certain(concept[0][1])}
    assert "macaw" in certain <= {"macaw", "parrot", "bird", "animal"}
    assert not all(names[0])  # what lies round it has no name
