"""Frozen timm models: what they are read at is what timm gives there, and what does not fit is said."""

import re

import pytest
import timm
import torch
from safetensors.torch import load_file, save_file

from model.backbones import Backbone, BackboneError, fill, tensors_of
from tests.weights import write_timm


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> dict[str, str]:
    return write_timm(tmp_path_factory.mktemp("weights"), "test_vit", "test_efficientnet", "test_convnext")


def changed(path: str, to, **changes) -> str:
    """The file with other tensors, or without those that are None; dots are double underscores."""
    tensors = load_file(path) | {name.replace("__", "."): tensor for name, tensor in changes.items()}
    save_file({name: tensor for name, tensor in tensors.items() if tensor is not None}, to)
    return str(to)


# What is read


def test_a_vits_features_are_the_blocks_that_timm_gives(weights):
    backbone, image = Backbone("test_vit", weights=weights["test_vit"], block=2), torch.rand(1, 3, 64, 96)
    assert backbone.is_column and backbone.chosen == [2]
    assert (backbone.stride, backbone.multiple, backbone.num_features) == (16, 16, 64)
    whole = timm.create_model("test_vit", dynamic_img_size=True).eval()
    whole.load_state_dict(load_file(weights["test_vit"]))
    mean, std = (torch.tensor(whole.pretrained_cfg[key]).view(3, 1, 1) for key in ("mean", "std"))
    with torch.no_grad():
        (wanted,) = whole.get_intermediate_layers((image - mean) / std, n=[2], reshape=True, norm=True)
    torch.testing.assert_close(backbone.features(image), wanted)
    assert torch.equal(backbone.features(image), *backbone.maps(image))
    assert torch.equal(Backbone("test_vit", weights=weights["test_vit"], block=-4).features(image),
                       backbone.features(image))
    assert Backbone("test_vit", weights=weights["test_vit"]).chosen == [5]  # the last, where none is asked for


@pytest.mark.parametrize("name", ["test_efficientnet", "test_convnext"])
def test_stages_are_joined_at_the_finest_of_their_strides(weights, name):
    backbone, image = Backbone(name, weights=weights[name]), torch.rand(1, 3, 64, 96)
    assert not backbone.is_column and (backbone.stride, backbone.multiple) == (16, 32)
    stages = timm.create_model(name, features_only=True, out_indices=backbone.chosen).eval()
    tensors = load_file(weights[name])  # features_only calls stages.0 stages_0
    stages.load_state_dict({key: tensors[re.sub(r"^(stem|stages)_(\d)", r"\1.\2", key)] for key in stages.state_dict()})
    assert stages.feature_info.reduction() == [16, 32]
    with torch.no_grad():
        first, second = stages((image - backbone.mean) / backbone.std)
    for found, wanted in zip(backbone.maps(image), (first, second), strict=True):
        torch.testing.assert_close(found, wanted)
    features = backbone.features(image)
    assert features.shape == (1, backbone.num_features, 4, 6)
    torch.testing.assert_close(features[:, : first.shape[1]], first)
    coarse = torch.nn.functional.interpolate(second, size=(4, 6), mode="bilinear", align_corners=False)
    torch.testing.assert_close(features[:, first.shape[1] :], coarse)


def test_stages_come_in_the_models_order_whatever_order_they_are_asked_in(weights):
    image = torch.rand(1, 3, 64, 64)
    first, second = (Backbone("test_convnext", weights=weights["test_convnext"], stages=stages)
                     for stages in ((1, 3), (3, 1, 1)))
    assert first.chosen == second.chosen == [1, 3] and first.stride == 8
    assert first.features(image).shape == (1, first.num_features, 8, 8)
    assert torch.equal(first.features(image), second.features(image))
    coarser = Backbone("test_convnext", weights=weights["test_convnext"], stages=(1, 3), joined_stride=16)
    assert coarser.features(image).shape == (1, first.num_features, 4, 4)


def test_pictures_whose_sides_are_multiples_of_the_stride_alone_have_whole_grids(weights):
    backbone = Backbone("test_efficientnet", weights=weights["test_efficientnet"])
    assert backbone.features(torch.rand(2, 3, 48, 80)).shape == (2, backbone.num_features, 3, 5)


def test_a_photo_alone_gives_what_it_gives_in_a_batch(weights):
    images = torch.rand(3, 3, 64, 64)
    for name, path in weights.items():
        backbone = Backbone(name, weights=path)
        torch.testing.assert_close(backbone.features(images)[1:2], backbone.features(images[1:2]))


def test_a_backbone_learns_nothing_and_is_float32(weights, tmp_path):
    half = {key: tensor.half() if tensor.is_floating_point() else tensor
            for key, tensor in load_file(weights["test_efficientnet"]).items()}
    save_file(half, tmp_path / "half.safetensors")
    backbone = Backbone("test_efficientnet", weights=tmp_path / "half.safetensors")
    assert not backbone.training and not any(parameter.requires_grad for parameter in backbone.parameters())
    assert {parameter.dtype for parameter in backbone.parameters()} == {torch.float32}
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert backbone.features(torch.rand(1, 3, 32, 32)).dtype == torch.float32
    exact = Backbone("test_efficientnet", weights=weights["test_efficientnet"])
    assert len(exact.sha256) == 64 and exact.sha256 != backbone.sha256


def test_weights_that_timm_downloads_have_the_digest_of_their_tensors(weights, monkeypatch):
    real = timm.create_model

    def downloaded(name, pretrained=False, **options):
        network = real(name, **options)
        if pretrained:
            fill(network, tensors_of(weights[name]), name)
        return network

    monkeypatch.setattr(timm, "create_model", downloaded)
    image = torch.rand(1, 3, 64, 64)
    found, by_file = Backbone("test_vit", block=1), Backbone("test_vit", weights=weights["test_vit"], block=1)
    assert torch.equal(found.features(image), by_file.features(image))
    assert len(found.sha256) == 64 and Backbone("test_vit", block=4).sha256 == found.sha256


# Files that are not the whole model, or of another size


def test_what_is_not_read_need_not_be_in_the_file(weights, tmp_path):
    later = {f"blocks.{block}.{name}" for block in (4, 5) for name in
             {key.split(".", 2)[2] for key in load_file(weights["test_vit"]) if key.startswith("blocks.")}}
    path = changed(weights["test_vit"], tmp_path / "vit.safetensors",
                   **{name.replace(".", "__"): None for name in {*later, "head.weight", "head.bias"}})
    image = torch.rand(1, 3, 64, 64)
    assert torch.equal(Backbone("test_vit", weights=path, block=2).features(image),
                       Backbone("test_vit", weights=weights["test_vit"], block=2).features(image))
    with pytest.raises(BackboneError, match=r"lacks 24 of .*, blocks\.4"):
        Backbone("test_vit", weights=path)
    path = changed(weights["test_convnext"], tmp_path / "convnext.safetensors", head__norm__weight=None,
                   head__norm__bias=None, head__fc__weight=None, head__fc__bias=None)
    assert Backbone("test_convnext", weights=path).num_features


@pytest.mark.parametrize("name", ["test_vit", "vit_wee_patch16_reg1_gap_256"])
def test_a_vits_file_may_be_of_another_size(tmp_path, name):
    """Whether its positions count what is no patch (the first's summary) or not (the second's register)."""
    torch.manual_seed(0)
    whole = timm.create_model(name, img_size=96, dynamic_img_size=True).eval()
    save_file(whole.state_dict(), tmp_path / "vit.safetensors")
    backbone = Backbone(name, weights=tmp_path / "vit.safetensors", block=1)
    image = torch.rand(1, 3, 96, 96)
    with torch.no_grad():
        (wanted,) = whole.forward_intermediates((image - backbone.mean) / backbone.std, indices=[1], norm=True,
                                                intermediates_only=True)
    torch.testing.assert_close(backbone.features(image), wanted)


# What is said


@pytest.mark.parametrize(("name", "options", "sentence"), [
    ("vit_of_mine", {}, "timm has no model 'vit_of_mine'"),
    ("test_vit.of_mine", {}, r"timm cannot make test_vit\.of_mine \("),
    ("test_vit", {"block": 6}, "test_vit has the blocks 0 to 5 and no block 6"),
    ("test_vit", {"block": -7}, "no block -7"),
    ("test_convnext", {"stages": (3, 4)}, r"has the stages 0 \(stride 4\), .*3 \(stride 32\); .*set to \[3, 4\]"),
    ("test_convnext", {"stages": (-1,)}, r"set to \[-1\]"),
])
def test_a_place_or_a_name_that_is_not_there_is_said(weights, name, options, sentence):
    with pytest.raises(BackboneError, match=sentence) as caught:
        Backbone(name, weights=weights.get(name, weights["test_vit"]), **options)
    assert "\n" not in str(caught.value)


def test_a_network_without_the_usual_strides_is_said(weights, monkeypatch):
    real = timm.create_model

    def shallow(name, **options):
        network = real(name, **options)
        network.feature_info = network.feature_info[:3]
        return network

    monkeypatch.setattr(timm, "create_model", shallow)
    with pytest.raises(BackboneError, match=r"2 \(stride 16\); strides 16 and 32 are needed"):
        Backbone("test_convnext", weights=weights["test_convnext"])


def test_a_network_that_tells_nothing_of_its_inside_is_said(weights, monkeypatch):
    monkeypatch.setattr(timm, "create_model", lambda name, **options: torch.nn.Linear(1, 1))
    with pytest.raises(BackboneError, match="timm's test_vit does not give the features inside it"):
        Backbone("test_vit", weights=weights["test_vit"])


def test_a_file_that_does_not_fit_is_said(weights, tmp_path):
    path = tmp_path / "vit.safetensors"
    for change, sentence in (
        ({"norm__bias": None}, "lacks 1 of this model's parameters, norm.bias the first"),
        ({"blocks__0__mlp__fc1__bias": torch.zeros(3)}, r"fc1\.bias has the shape \(3,\), .*192"),
        ({"reg_token": torch.zeros(1, 4, 64), "blocks__0__ls1__gamma": torch.zeros(64)},
         r"does not fit test_vit: it has what the model does not: blocks\.0\.ls1\.gamma, reg_token"),
    ):
        with pytest.raises(BackboneError, match=sentence) as caught:
            Backbone("test_vit", weights=changed(weights["test_vit"], path, **change))
        assert str(path) in str(caught.value) and "\n" not in str(caught.value)
    path.write_bytes(b"no safetensors")
    for broken in (path, tmp_path / "gone.safetensors", tmp_path):
        with pytest.raises(BackboneError, match="cannot be read|damaged|found none|found vit") as caught:
            Backbone("test_vit", weights=broken)
        assert str(broken) in str(caught.value)
    with pytest.raises(BackboneError, match="lacks .* of this model's parameters"):
        Backbone("test_efficientnet", weights=weights["test_vit"])


def test_a_hub_out_of_reach_is_said(monkeypatch):
    def unreachable(name, **options):
        raise OSError("no network\nand a long story")

    monkeypatch.setattr(timm, "create_model", unreachable)
    with pytest.raises(BackboneError, match=r"weights of test_vit could not be downloaded \(no network\); fetch"):
        Backbone("test_vit")


def test_a_picture_that_a_network_cannot_look_at_is_said(weights):
    backbone = Backbone("test_vit", weights=weights["test_vit"])
    with pytest.raises(BackboneError, match="test_vit cannot look at a picture of 64 x 70 pixels"):
        backbone.features(torch.rand(1, 3, 64, 70))


def test_a_device_that_is_full_is_not_the_pictures_fault(weights, monkeypatch):
    """The commands have a sentence of their own for it."""
    backbone = Backbone("test_vit", weights=weights["test_vit"])

    def full(*arguments, **options):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(backbone.network, "forward_intermediates", full)
    with pytest.raises(torch.OutOfMemoryError):
        backbone.maps(torch.rand(1, 3, 64, 64))


# Single networks, which starts.py fills


def test_a_network_is_filled_as_float32_and_what_it_has_not_is_left_out(weights):
    network = timm.create_model("test_vit", num_classes=0)
    tensors = load_file(weights["test_vit"])
    fill(network, {name: tensor.half() for name, tensor in tensors.items()}, "a dictionary")
    for name, tensor in network.state_dict().items():
        assert tensor.dtype == torch.float32 and torch.equal(tensor, tensors[name].half().float()), name
    with pytest.raises(BackboneError, match="a dictionary lacks"):
        fill(network, {}, "a dictionary")
