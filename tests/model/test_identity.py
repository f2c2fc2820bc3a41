"""Identity: the same for the same concepts, another for others; and the thresholds that lie beside a file."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from benchmarks.retrieval import same_token_hits
from index.build.building import build
from index.build.models import identity_of, load, model_of
from index.concept_index import ConceptIndex
from index.errors import ConceptIndexError
from model.checkpoints import identity
from model.checkpoints.checkpoint import CONFIG_KEY, PUBLISHED, CheckpointError, open_checkpoint
from model.checkpoints.identity import concepts_sha256
from model.config import ConceptHeadConfig, DecoderConfig, StellarConfig
from model.operations.thresholds import ConceptThresholds, ThresholdsError, beside, save, thresholds_of
from model.stellar import Stellar
from photos.sources.open import open_source
from stellar_explorer.analysis import Explorer
from stellar_explorer.photo import open_photo
from stellar_explorer.retrieve.collections import facts_of
from tests.fakes.collections import photo_bytes
from tests.weights import reference_state

SHAPES = json.loads((Path(__file__).resolve().parent.parent / "parity" / "encoder_p16.json").read_text())
CONFIG = StellarConfig(width=16, depth=1, num_heads=2, mlp_width=16, native_size=32, num_tokens=4,
                       concept_head=ConceptHeadConfig(hidden_width=8, width=12, standardized=True))


def tiny(path: Path, config: StellarConfig = CONFIG, **options) -> Path:
    """Seeded; what two configs have in common is the same in both."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        stellar = Stellar(config)
        for name, tensor in stellar.state_dict().items():
            tensor.copy_(torch.randn(tensor.shape, generator=torch.Generator().manual_seed(sum(name.encode()))))
        stellar.save(path, **options)
    return path


@pytest.fixture
def weights(tmp_path) -> Path:
    return tiny(tmp_path / "tiny.safetensors")


@pytest.fixture
def photos(tmp_path) -> Path:
    (tmp_path / "photos").mkdir()
    for seed in range(3):
        (tmp_path / "photos" / f"{seed}.png").write_bytes(photo_bytes(seed))
    return tmp_path / "photos"


# --- identity -------------------------------------------------------------------------------------------------------


def test_a_decoder_changes_nothing_and_whatever_makes_concepts_does(weights, tmp_path):
    own = concepts_sha256(weights)
    decoder = DecoderConfig(width=16, depth=1, num_heads=2, mlp_width=16, num_codes=None)
    assert concepts_sha256(tiny(tmp_path / "decoder.safetensors", replace(CONFIG, decoder=decoder))) == own
    others = {concepts_sha256(tiny(tmp_path / "bare.safetensors", replace(CONFIG, concept_head=None))),
              concepts_sha256(tiny(tmp_path / "heads.safetensors", replace(CONFIG, num_heads=4)))}
    tensors = load_file(weights)
    for name in ("encoder.tokens", "localizer.token_proj.bias", "concept_head.fc2.weight", "concept_head.deviation"):
        changed = tensors[name].clone()
        changed.view(-1)[0] += 0.01
        save_file(tensors | {name: changed}, tmp_path / "other.safetensors", metadata={CONFIG_KEY: CONFIG.to_json()})
        others.add(concepts_sha256(tmp_path / "other.safetensors"))
    assert len(others) == 6 and own not in others


def test_it_is_of_the_numbers_and_not_of_how_they_are_stored(weights, tmp_path):
    Stellar.load(weights, device="cpu", dtype="float32").save(tmp_path / "half.safetensors", dtype=torch.float16)
    half = Stellar.load(tmp_path / "half.safetensors", device="cpu", dtype="float32")
    half.save(tmp_path / "whole.safetensors")
    assert concepts_sha256(tmp_path / "whole.safetensors") == concepts_sha256(tmp_path / "half.safetensors")
    assert concepts_sha256(tmp_path / "half.safetensors") != concepts_sha256(weights)


def test_what_was_rounded_to_eight_bits_once_stays_what_it_is(weights, tmp_path):
    """A new decoder is trained on loaded weights, and saved with them."""
    Stellar.load(weights, device="cpu", dtype="float32").save(tmp_path / "eight.safetensors", eight_bit=True)
    again = Stellar.load(tmp_path / "eight.safetensors", device="cpu", dtype="float32")
    again.save(tmp_path / "again.safetensors", eight_bit=True)
    assert concepts_sha256(tmp_path / "again.safetensors") == concepts_sha256(tmp_path / "eight.safetensors")


def test_published_names_and_ours_are_one_model(tmp_path):
    save_file(reference_state(SHAPES), tmp_path / "published.safetensors")
    Stellar.load(tmp_path / "published.safetensors", device="cpu", dtype="float32").save(tmp_path / "ours.safetensors")
    assert concepts_sha256(tmp_path / "published.safetensors") == concepts_sha256(tmp_path / "ours.safetensors")


def test_a_setting_that_is_added_later_changes_no_identity(weights, tmp_path):
    config = json.loads(CONFIG.to_json())
    del config["join_block"]
    save_file(load_file(weights), tmp_path / "old.safetensors", metadata={CONFIG_KEY: json.dumps(config)})
    assert concepts_sha256(tmp_path / "old.safetensors") == concepts_sha256(weights)


def test_a_file_is_read_once_while_it_stays_the_same(weights, monkeypatch):
    own = concepts_sha256(weights)
    tiny(weights, replace(CONFIG, concept_head=None))
    assert concepts_sha256(weights) != own
    monkeypatch.setattr(identity.checkpoint, "open_checkpoint", lambda path: pytest.fail("read again"))
    concepts_sha256(weights)


def test_a_published_file_is_known_by_its_name_wherever_it_lies(tmp_path):
    """H/14 has 16 heads, and 1,280 / 64 would be 20; its tensors do not tell."""
    save_file(reference_state(SHAPES), tmp_path / PUBLISHED["stellar-h16"].filename)
    assert open_checkpoint(tmp_path / PUBLISHED["stellar-h16"].filename).config.num_heads == 16


def test_what_is_no_checkpoint_has_none(tmp_path):
    (tmp_path / "torn.safetensors").write_bytes(b"torn")
    with pytest.raises(CheckpointError, match="torn.safetensors"):
        concepts_sha256(tmp_path / "torn.safetensors")


# --- an index of a model with a head --------------------------------------------------------------------------------


def test_an_index_holds_concepts_at_their_own_width(weights, photos, tmp_path):
    build(open_source(photos), tmp_path / "index", model=str(weights), resolution=224)
    with ConceptIndex.open(tmp_path / "index") as index:
        assert (index.model.width, index.model.summary_width) == (12, 16)
        concepts = index.concepts_of(0)
        vectors = index.vectors([concept.id for concept in concepts])
        assert vectors.shape == (len(concepts), 12) and index.summaries([0]).shape == (1, 16)
        analysis = Explorer((str(weights),)).analyse(open_photo(photos / "0.png"), resolution=224)
        tokens = [concept.token for concept in concepts]
        torch.testing.assert_close(torch.from_numpy(vectors), torch.from_numpy(analysis.concepts[tokens]),
                                   rtol=0, atol=1e-2)
        assert index.search(vectors[:1], k=1)[0][0].score > 0.99
        assert index.search_summaries(index.summaries([1]), k=1)[0][0].score > 0.99
        with pytest.raises(ConceptIndexError, match=r"takes \(queries, 12\)"):
            index.search(analysis.semantics[:1])
    with ConceptIndex.open(tmp_path / "index", writer=True) as index:
        index.compact()
        assert index.export(tmp_path / "tables")


def test_a_new_decoder_leaves_an_index_valid_and_other_concepts_do_not(weights, photos, tmp_path):
    out = tmp_path / "index"
    build(open_source(photos), out, model=str(weights), resolution=224)
    decoder = DecoderConfig(width=16, depth=1, num_heads=2, mlp_width=16, num_codes=None)
    tiny(weights, replace(CONFIG, decoder=decoder))
    assert build(open_source(photos), out, model=str(weights)).known == 3
    tiny(weights, replace(CONFIG, concept_head=None))
    with ConceptIndex.open(out) as index, pytest.raises(ConceptIndexError) as caught:
        model_of(index, str(weights))
    sentence = str(caught.value)
    assert "made by others" in sentence and "python -m index build PHOTOS --model" in sentence and "\n" not in sentence


# --- thresholds -----------------------------------------------------------------------------------------------------


def test_thresholds_lie_beside_their_weights_and_go_into_an_index(weights, photos, tmp_path):
    assert thresholds_of(weights) == ConceptThresholds()
    measured = ConceptThresholds(has=0.6, alike=0.4, nearly=0.95, chance=0.3, match=0.7, match_photo=0.5)
    assert save(measured, weights) == beside(weights) == tmp_path / "tiny.thresholds.json"
    assert thresholds_of(weights) == measured
    stellar, sha256 = load(str(weights))
    assert identity_of(str(weights), stellar, sha256, resolution=224).thresholds == measured
    build(open_source(photos), tmp_path / "index", model=str(weights), resolution=224)
    beside(weights).unlink()
    with ConceptIndex.open(tmp_path / "index") as index:
        assert index.model.thresholds == measured and facts_of("one", "One", index, None).chance == 0.3
        assert index.model == identity_of(str(weights), stellar, sha256, resolution=224)  # it is the same model


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"sha256": "x", "has": "much"}', '{"sha256": "x", "has": 2}',
                                     '{"sha256": "x", "hass": 0.5}', '{"sha256": "x", "has": NaN}', "\x00"])
def test_a_file_of_thresholds_that_cannot_be_read_is_a_sentence(content, weights):
    beside(weights).write_text(content)
    with pytest.raises(ThresholdsError, match=r"tiny\.thresholds\.json cannot be read .*benchmarks\.thresholds"):
        thresholds_of(weights)


def test_thresholds_from_before_matches_were_measured_are_read(weights):
    save(ConceptThresholds(has=0.6), weights)
    assert "match" not in beside(weights).read_text() and thresholds_of(weights).match is None
    assert ConceptThresholds.from_json(ConceptThresholds(has=0.6).to_json()) == ConceptThresholds(has=0.6)
    with pytest.raises(ValueError, match="has must be a number"):
        ConceptThresholds(has=None)


def test_thresholds_of_other_weights_are_refused(weights):
    save(ConceptThresholds(), weights)
    tiny(weights, replace(CONFIG, concept_head=None))
    with pytest.raises(ThresholdsError, match=r"measured on other weights.*python -m benchmarks\.thresholds"):
        thresholds_of(weights)


# --- what the benchmark counts --------------------------------------------------------------------------------------


def test_hits_of_the_same_token_and_what_chance_would_give():
    photos = [np.eye(3)[[0, 1]], np.eye(3)[[0, 1]], np.eye(3)[[1, 0]]]
    masses = [np.array([0.7, 0.3])] * 3
    tokens = [np.array([0, 1]), np.array([0, 1]), np.array([0, 1])]
    # The heaviest of the first is found in the second as token 0, in the third as token 1; and so on.
    assert same_token_hits(photos, masses, tokens) == (pytest.approx(1 / 3), pytest.approx(1 / 2))
