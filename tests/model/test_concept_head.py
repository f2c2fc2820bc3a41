"""Concepts: what they promise for any factorization, what a file brings for them, and the reference's numbers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

from model.checkpoints.checkpoint import CONFIG_KEY, CheckpointError
from model.concept_head import ConceptHead, mean_under_masks
from model.config import ConceptHeadConfig, StellarConfig
from model.factorization import Factorization
from model.stellar import Stellar
from tests.weights import drawn, reference_state

HERE = Path(__file__).resolve().parent.parent
SHAPES = json.loads((HERE / "parity" / "encoder_p16.json").read_text())
HEAD = "clustering_head.predictor.layers."
EVERYTHING = ConceptHeadConfig(hidden_width=20, width=12, inputs=("semantics", "patches", "summary"),
                               standardized=True)


def factorized(*, batch: int = 2, tokens: int = 5, width: int = 24, grid: tuple[int, int] = (3, 4),
               seed: int = 0) -> Factorization:
    draw = torch.Generator().manual_seed(seed)
    patches = grid[0] * grid[1]
    return Factorization(torch.randn(batch, tokens, width, generator=draw),
                         (4 * torch.randn(batch, patches, tokens, generator=draw)).softmax(-1),
                         torch.randn(batch, patches, width, generator=draw), torch.randn(batch, width, generator=draw),
                         grid)


def small(head: ConceptHeadConfig | None, **changes) -> Stellar:
    torch.manual_seed(0)
    config = {"width": 24, "depth": 1, "num_heads": 2, "mlp_width": 32, "native_size": 32, "num_tokens": 5}
    stellar = Stellar(StellarConfig(**(config | changes), concept_head=head)).requires_grad_(False).eval()
    if head is not None and head.standardized:
        stellar.concept_head.mean.normal_()
        stellar.concept_head.deviation.uniform_(0.5, 2)
    return stellar


def close(ours: torch.Tensor, theirs: torch.Tensor, tolerance: float = 1e-5) -> None:
    torch.testing.assert_close(ours, theirs, rtol=0, atol=tolerance)


def refusal(path: Path, **options) -> str:
    with pytest.raises(CheckpointError) as caught:
        Stellar.load(path, device="cpu", **options)
    assert "\n" not in str(caught.value) and path.name in str(caught.value)
    return str(caught.value)


def test_a_head_that_sees_a_stem_needs_one():
    with pytest.raises(ValueError, match="a concept head that sees the stem needs a model with one"):
        small(ConceptHeadConfig(inputs=("stem",), stem_width=320))


# --- laws -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("head", [None, ConceptHeadConfig(hidden_width=20, width=12), EVERYTHING],
                         ids=["none", "published form", "everything"])
def test_concepts_are_of_unit_length_and_follow_their_tokens(head):
    stellar, factorization = small(head), factorized()
    concepts = stellar.concepts(factorization)
    assert concepts.shape == (2, 5, stellar.config.concept_width) and concepts.dtype == torch.float32
    close(concepts.norm(dim=-1), torch.ones(2, 5))
    order = torch.tensor([3, 0, 4, 1, 2])
    permuted = Factorization(factorization.semantics[:, order], factorization.localization[..., order],
                             factorization.patch_features, factorization.summary, factorization.patch_grid)
    close(stellar.concepts(permuted), concepts[:, order])
    alone = Factorization(*(getattr(factorization, name)[:1] for name in
                            ("semantics", "localization", "patch_features", "summary")), factorization.patch_grid)
    close(stellar.concepts(alone), concepts[:1])


def test_without_a_head_they_are_the_semantics():
    factorization = factorized()
    close(small(None).concepts(factorization), F.normalize(factorization.semantics, dim=-1))


def test_a_head_sees_what_its_config_names_in_that_order():
    factorization = factorized()
    head = ConceptHead(ConceptHeadConfig(hidden_width=4, width=3, inputs=("summary", "semantics")), width=24)
    inputs = head.inputs(factorization)
    assert torch.equal(inputs[..., 24:], factorization.semantics)
    assert torch.equal(inputs[..., :24], factorization.summary[:, None].expand(-1, 5, -1))


def test_standardised_means_that_the_inputs_mean_becomes_nothing():
    head = ConceptHead(ConceptHeadConfig(hidden_width=4, width=3, standardized=True), width=24)
    plain = ConceptHead(ConceptHeadConfig(hidden_width=4, width=3), width=24)
    plain.load_state_dict({name: tensor for name, tensor in head.state_dict().items() if "fc" in name})
    factorization = factorized()
    assert torch.equal(head(factorization), plain(factorization))  # it begins as the identity
    semantics = factorization.semantics.flatten(0, 1)
    head.mean.copy_(semantics.mean(0))
    head.deviation.copy_(semantics.std(0))
    scaled = F.batch_norm(semantics, semantics.mean(0), semantics.var(0), eps=0).view_as(factorization.semantics)
    close(head(factorization), plain.fc2(F.gelu(plain.fc1(scaled))))


def test_the_mean_under_a_mask_is_what_a_hand_computes():
    factorization = factorized(grid=(6, 7))
    found = mean_under_masks(factorization.patch_features, factorization.localization)
    for photo in range(2):
        for token in range(5):
            share = factorization.localization[photo, :, token]
            inside = share > 1 / 5
            expected = (share[inside, None] * factorization.patch_features[photo, inside]).sum(0) / share[inside].sum()
            close(found[photo, token], expected)


def test_a_token_with_no_mask_takes_all_its_patches():
    localization = torch.tensor([[[0.9, 0.1], [0.7, 0.3]]])
    features = torch.tensor([[[1.0], [5.0]]])
    close(mean_under_masks(features, localization), torch.tensor([[[(0.9 + 3.5) / 1.6], [0.25 * 1 + 0.75 * 5]]]))
    nowhere = torch.tensor([[[1.0, 0.0], [1.0, 0.0]]])
    assert mean_under_masks(features, nowhere).isfinite().all()


def test_its_arithmetic_is_float32_whatever_is_round_it():
    stellar, factorization = small(EVERYTHING), factorized()
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(stellar.concepts(factorization), stellar.concepts(factorization.to(torch.float32)))


def test_gradients_reach_the_head_and_what_it_sees():
    stellar, factorization = small(EVERYTHING).requires_grad_(True), factorized()
    factorization.semantics.requires_grad_(True)
    stellar.concepts(factorization)[0, 0, 0].backward()
    assert factorization.semantics.grad.abs().sum() > 0 and stellar.concept_head.fc1.weight.grad.abs().sum() > 0


@pytest.mark.parametrize("settings", [{"inputs": ()}, {"inputs": ("semantics", "pixels")}, {"width": 0},
                                      {"inputs": ("semantics", "semantics")}, {"hidden_width": 0}])
def test_a_head_that_cannot_be_is_refused(settings):
    with pytest.raises(ValueError, match="concept head"):
        ConceptHeadConfig(**settings)


# --- files ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [None, torch.float16])
def test_a_head_is_saved_with_its_model(dtype, tmp_path):
    stellar, factorization = small(EVERYTHING), factorized()
    stellar.save(tmp_path / "ours.safetensors", dtype=dtype)
    again = Stellar.load(tmp_path / "ours.safetensors", device="cpu", dtype="bfloat16")
    assert again.config == stellar.config and again.concept_head.fc1.weight.dtype == torch.float32
    close(again.concepts(factorization), stellar.concepts(factorization), 1e-6 if dtype is None else 5e-3)


def test_a_file_from_before_heads_has_none(tmp_path):
    small(None).save(tmp_path / "ours.safetensors")
    config = json.loads(small(None).config.to_json())
    del config["concept_head"]
    save_file(load_file(tmp_path / "ours.safetensors"), tmp_path / "old.safetensors",
              metadata={CONFIG_KEY: json.dumps(config)})
    assert Stellar.load(tmp_path / "old.safetensors", device="cpu").concept_head is None


def test_a_published_file_brings_its_predictor(tmp_path):
    """With its second layer alone, or its first, it is half a head; without both, none."""
    state = reference_state(SHAPES)
    save_file(state, tmp_path / "whole.safetensors")
    stellar = Stellar.load(tmp_path / "whole.safetensors", device="cpu", num_heads=4)
    assert stellar.config.concept_head == ConceptHeadConfig(hidden_width=2048, width=32)
    for layer in "02":
        save_file({name: tensor for name, tensor in state.items() if not name.startswith(HEAD + layer)},
                  tmp_path / "half.safetensors")
        assert f"half a concept head: it lacks {HEAD}{layer}.weight" in refusal(tmp_path / "half.safetensors")
    save_file({name: tensor for name, tensor in state.items() if not name.startswith(HEAD)},
              tmp_path / "none.safetensors")
    assert Stellar.load(tmp_path / "none.safetensors", device="cpu", num_heads=4).concept_head is None


@pytest.mark.parametrize(("layer", "shape"), [("0", (2048, 95)), ("2", (32, 2047)), ("2", (32,))])
def test_a_published_head_of_another_width_is_refused(layer, shape, tmp_path):
    path = tmp_path / "wide.safetensors"
    save_file(reference_state(SHAPES) | {f"{HEAD}{layer}.weight": torch.zeros(shape)}, path)
    assert HEAD in refusal(path, num_heads=4)


def test_our_head_without_its_second_layer_or_of_another_width_is_refused(tmp_path):
    stellar, path = small(EVERYTHING), tmp_path / "ours.safetensors"
    stellar.save(path)
    tensors, metadata = load_file(path), {CONFIG_KEY: stellar.config.to_json()}
    save_file({name: tensor for name, tensor in tensors.items() if "head.fc2" not in name}, path, metadata=metadata)
    assert "lacks: concept_head.fc2.weight" in refusal(path)
    save_file(tensors | {"concept_head.fc2.weight": torch.zeros(13, 20)}, path, metadata=metadata)
    assert "concept_head.fc2.weight has shape (13, 20), this architecture asks for (12, 20)" in refusal(path)
    save_file(tensors, path, metadata={CONFIG_KEY: small(None).config.to_json()})
    assert "has what this architecture does not: concept_head" in refusal(path)


# --- the public reference -------------------------------------------------------------------------------------------


def test_the_references_predictor(tmp_path):
    """Its logits are its predictor's outputs, of unit length, times its prototypes."""
    save_file(reference_state(SHAPES), tmp_path / "published.safetensors")
    stellar = Stellar.load(tmp_path / "published.safetensors", device="cpu", dtype="float32", num_heads=4)
    with np.load(HERE / "parity" / "encoder_p16.npz") as arrays:
        image, logits = (torch.from_numpy(arrays[f"obj.{name}"]) for name in ("image", "logits"))
    factorization = stellar.factorize(image)
    prototypes = drawn("clustering_head.layer.weight", SHAPES["clustering_head.layer.weight"]).float()
    close(stellar.concepts(factorization) @ prototypes.T, logits.float(), 1e-4)
