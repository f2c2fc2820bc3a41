"""The slides' systems by name: each is read as its authors' own network answers, and a wrong file is named."""

import pickle
import re
import sys
import types
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from benchmarks.retrieval import mean_patch
from model.backbones import Backbone, BackboneError
from model.checkpoints.checkpoint import PUBLISHED, CheckpointError, HubFile
from model.config import StellarConfig
from model.peers import loading, table
from model.peers.__main__ import markdown
from model.peers.layouts import LAYOUTS
from model.peers.loading import is_at_hand, load_peer
from model.peers.table import PEERS
from model.stellar import Stellar
from tests.peers import SIZE, plain_vit, small, under, write_own, write_titok, write_transformers
from train.subjects import open_peer

NETWORKS = [name for name, peer in PEERS.items() if peer.network is not None]
IN_TRANSFORMERS = [name for name, peer in PEERS.items() if any(key.startswith("transformers") for key in peer.layouts)]
TITOKS = [name for name, peer in PEERS.items() if peer.layouts == ("titok",)]


@pytest.fixture
def pixels() -> torch.Tensor:
    return torch.rand(2, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))


def answers(written, name: str, pixels, monkeypatch) -> tuple[torch.Tensor, torch.Tensor]:
    """What Backbone gives by the peer's name, and what its authors' network gives."""
    monkeypatch.setitem(PEERS, name, written.peer)
    backbone = Backbone(name, weights=written.path)
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in written.peer.pixels)
    with torch.no_grad():
        return backbone.features(pixels), written.features((pixels - mean) / std)


# What is read


@pytest.mark.parametrize(("name", "millions"), [
    ("dino-b16", 86), ("beit-b16", 86), ("ibot-l16", 304), ("beit-l16", 304), ("mae-h14", 632), ("ijepa-h14", 632),
    ("byol-r50", 23.5)])
def test_the_architectures_have_as_many_parameters_as_their_authors_say(name, millions):
    with torch.device("meta"):
        network = PEERS[name].network.build({"pos_embed": (1, 14 * 14 + 1, 8),
                                             "blocks.0.attn.relative_position_bias_table": (27 * 27 + 3, 12)})
    assert sum(parameter.numel() for parameter in network.parameters()) / 1e6 == pytest.approx(millions, rel=0.01)


def test_every_system_of_the_slides_has_a_name():
    assert {peer.system for peer in PEERS.values()} == {
        "BYOL", "MoCo v3", "DINO", "MSN", "DenseCL", "data2vec", "SiameseIM", "I-JEPA", "iBOT B", "iBOT L", "BEiT B",
        "BEiT L", "SimMIM", "MAE B", "MAE L", "MAE H", "SemMAE", "TiTok 64", "TiTok 32",
        *(f"STELLAR {size}" for size in ("b16", "l16", "h16", "b8", "b24"))}
    for name, peer in PEERS.items():
        assert set(peer.layouts) <= set(LAYOUTS) and peer.layouts, name
        assert peer.licence and peer.published and peer.features, name


@pytest.mark.parametrize("name", NETWORKS)
def test_the_authors_file_gives_what_their_network_gives(name, tmp_path, pixels, monkeypatch):
    found, wanted = answers(write_own(name, tmp_path / "weights.pth"), name, pixels, monkeypatch)
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", IN_TRANSFORMERS)
def test_the_hubs_file_gives_what_transformers_gives(name, tmp_path, pixels, monkeypatch):
    found, wanted = answers(write_transformers(name, tmp_path), name, pixels, monkeypatch)
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", TITOKS)
def test_titok_is_read_at_its_patches(name, tmp_path, pixels, monkeypatch):
    found, wanted = answers(write_titok(name, tmp_path), name, pixels, monkeypatch)
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["dino-b16", "ibot-b16", "mae-b16", "mocov3-b16"])
def test_a_backbone_alone_is_read_too(name, tmp_path, pixels, monkeypatch):
    network = plain_vit()
    save_file(under("", network), tmp_path / "backbone.safetensors")
    monkeypatch.setitem(PEERS, name, small(name))
    found = Backbone(name, weights=tmp_path / "backbone.safetensors").features(pixels)
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in PEERS[name].pixels)
    with torch.no_grad():
        wanted = network.forward_features((pixels - mean) / std)[:, 1:].mT.unflatten(2, (4, 4))
    torch.testing.assert_close(found, wanted)


@pytest.mark.parametrize("name", ["beit-b16", "dino-b16", "titok-l32", "byol-r50"])
def test_pictures_of_any_size_and_shape_are_seen(name, tmp_path, monkeypatch):
    written = write_titok(name, tmp_path) if name in TITOKS else write_own(name, tmp_path / "weights.pth")
    monkeypatch.setitem(PEERS, name, written.peer)
    backbone = Backbone(name, weights=written.path)
    square = torch.rand(1, 3, SIZE, SIZE)
    before = backbone.features(square)
    assert backbone.features(torch.rand(1, 3, 96, 128)).shape == (1, backbone.num_features, 6, 8)
    assert torch.equal(backbone.features(square), before), "another size in between changes nothing"


def test_a_block_in_between_is_read(tmp_path, pixels, monkeypatch):
    written = write_own("dino-b16", tmp_path / "weights.pth")
    monkeypatch.setitem(PEERS, "dino-b16", written.peer)
    first, last = (Backbone("dino-b16", weights=written.path, block=block).features(pixels) for block in (0, 1))
    assert first.shape == last.shape and not torch.allclose(first, last)


def test_a_runs_settings_in_a_checkpoint_are_let_be(tmp_path, pixels, monkeypatch):
    """SimMIM's file holds its yacs settings: values, of a class that is not there."""
    module = types.ModuleType("yacs.config")
    module.CfgNode = type("CfgNode", (dict,), {"__module__": "yacs.config"})
    monkeypatch.setitem(sys.modules, "yacs", types.ModuleType("yacs"))
    monkeypatch.setitem(sys.modules, "yacs.config", module)
    written = write_own("simmim-b16", tmp_path / "weights.pth")
    content = torch.load(written.path, weights_only=False)
    settings = module.CfgNode(MODEL=module.CfgNode(TYPE="vit"))
    settings.frozen = True
    torch.save(content | {"config": settings}, written.path)
    monkeypatch.delitem(sys.modules, "yacs.config")
    found, wanted = answers(written, "simmim-b16", pixels, monkeypatch)
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)
    monkeypatch.delitem(sys.modules, "yacs")


# Where a timm name does, a peer's does


def test_an_evaluation_takes_a_peer_and_a_stellar_by_their_names(tmp_path, monkeypatch):
    written = write_own("dino-b16", tmp_path / "weights.pth")
    monkeypatch.setitem(PEERS, "dino-b16", written.peer)
    dino = open_peer(f"dino-b16={written.path}", device="cpu")
    factorization = dino.factorize(torch.rand(1, 3, SIZE, SIZE))
    assert dino.name == "dino-b16" and dino.stellar is None and factorization.patch_grid == (4, 4)
    config = StellarConfig(width=16, depth=1, num_heads=2, mlp_width=16, native_size=32, num_tokens=4)
    Stellar(config).save(tmp_path / "tiny.safetensors")
    stellar = open_peer(f"stellar-h16={tmp_path / 'tiny.safetensors'}", device="cpu")
    assert stellar.name == "stellar-h16" and stellar.stellar.num_tokens == 4 and stellar.sha256
    with pytest.raises(ValueError, match="stellar-b16 is a STELLAR, whose last block makes its concepts"):
        open_peer("stellar-b16:3")


def test_the_retrieval_benchmark_pools_a_peers_patches(tmp_path, monkeypatch):
    written = write_own("dino-b16", tmp_path / "weights.pth")
    monkeypatch.setitem(PEERS, "dino-b16", written.peer)
    image = torch.rand(1, 3, SIZE, SIZE)
    wanted = Backbone("dino-b16", weights=written.path).features(image).mean((2, 3))
    torch.testing.assert_close(mean_patch("dino-b16", str(written.path))(image), wanted)


# What is refused, in one sentence


def refused(name: str, path, peer=None) -> str:
    with pytest.raises(CheckpointError) as caught:
        load_peer(name, path, peer=peer or small(name))
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", NETWORKS)
def test_another_systems_file_is_named(name, tmp_path):
    """Of two peers whose files share no layout; where they do, the numbers alone could tell."""
    path = write_own(name, tmp_path / "weights.pth").path
    layout = loading.layout_of(name, PEERS[name], path, loading.named_tensors(path))
    for other, peer in PEERS.items():
        if peer.network is not None and not any(LAYOUTS[key] is layout for key in peer.layouts):
            sentence = refused(other, path)
            assert f"{path} is not {other}'s: its layout is {layout.label}, {other} is read from" in sentence
            assert f"give it as {', '.join(row for row in PEERS if _reads(row, layout))}" in sentence


def _reads(name: str, layout) -> bool:
    return any(LAYOUTS[key] is layout for key in PEERS[name].layouts)


def test_a_whole_network_of_another_size_is_named(tmp_path):
    path = write_own("mae-b16", tmp_path / "weights.pth").path
    sentence = refused("mae-l16", path, PEERS["mae-l16"])
    assert "does not fit mae-l16, a ViT 1024 wide with 24 blocks and patches of 16: it lacks" in sentence
    shallow = small("mae-b16")
    assert "has what the network does not, blocks.1." in refused(
        "mae-b16", path, replace(shallow, network=replace(shallow.network, depth=1)))
    assert "has the shape (16, 3, 16, 16), it must be (16, 3, 8, 8)" in refused(
        "mae-b16", path, replace(shallow, network=replace(shallow.network, patch_size=8)))


def test_registers_and_layer_scales_are_another_network(tmp_path):
    for guest in ("reg_token", "blocks.0.ls1.gamma"):
        save_file(under("", plain_vit()) | {guest: torch.ones(1, 1, 16)}, tmp_path / "guest.safetensors")
        assert f"has what the network does not, {guest}" in refused("dino-b16", tmp_path / "guest.safetensors")


@pytest.mark.parametrize(("content", "words"), [
    (b"", "is empty; copy or download it again"),
    (b"PK\x03\x04 half", "damaged or no checkpoint"),
    ({"weights": torch.ones(2)}, "has no layout that is known here (it has weights, ...); mae-b16 is read from"),
    ({"epoch": 3}, "holds no named tensors"),
    ([1, 2], "holds no named tensors"),
    (pickle.PickleBuffer, "holds more than tensors"),
])
def test_what_is_no_checkpoint(content, words, tmp_path):
    path = tmp_path / "weights.pth"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    sentence = refused("mae-b16", path)
    assert str(path) in sentence and words in sentence


def test_a_missing_file_and_one_that_is_on_no_hub(tmp_path):
    assert re.match(r"there is no file .*; give the weights of MAE B \(github", refused("mae-b16", tmp_path / "no.pth"))
    with pytest.raises(BackboneError, match="mocov3-b16 are on no hub: fetch them .*mocov3-b16=FILE"):
        Backbone("mocov3-b16")
    with pytest.raises(BackboneError, match="convert it with github chigur/byol-convert"):
        Backbone("byol-r50")


def test_a_hubs_weights_placed_where_they_are_looked_for_are_at_hand(tmp_path, monkeypatch):
    monkeypatch.setattr("model.checkpoints.checkpoint.CHECKPOINT_FOLDER", tmp_path)
    for module in ("model.checkpoints.checkpoint", "model.baselines.published"):
        monkeypatch.setattr(f"{module}.try_to_load_from_cache", lambda *request, **options: None)
    assert not any(is_at_hand(name) for name in PEERS)
    (tmp_path / "vit_base_patch16_224.mae").mkdir()
    save_file(under("", plain_vit()), tmp_path / "vit_base_patch16_224.mae" / "model.safetensors")
    written = write_own("densecl-r50", tmp_path / "densecl_r50_imagenet_200ep.pth")
    assert [name for name in PEERS if is_at_hand(name)] == ["densecl-r50", "mae-b16"]
    for name in ("mae-b16", "densecl-r50"):
        monkeypatch.setitem(PEERS, name, small(name))
        assert Backbone(name).sha256
    assert isinstance(written.peer.hub, HubFile)


def test_the_document_has_the_table():
    document = (Path(__file__).resolve().parent.parent.parent / "docs" / "peers.md").read_text(encoding="utf-8")
    assert markdown() in document, "docs/peers.md is behind: python -m model.peers prints the table"


def test_a_stellar_is_no_network_of_patches():
    assert all(table.PEERS[name].hub == file for name, file in PUBLISHED.items())
    with pytest.raises(BackboneError, match="stellar-l16 is a STELLAR"):
        Backbone("stellar-l16", weights="README.md")
