"""Small random peers: each system's architecture with few channels, saved as its authors' code saves it."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
import transformers
from safetensors.torch import save_file
from timm.models.beit import Beit
from timm.models.resnet import Bottleneck
from timm.models.resnet import ResNet as TimmResNet
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from model.baselines.titok import NAMES as TITOK_NAMES
from model.baselines.titok import TiTok, TiTokConfig, TransformerConfig
from model.checkpoints.checkpoint import published_names
from model.peers.architectures import BeiT, ResNet, ViT
from model.peers.table import PEERS, Peer

WIDTH, DEPTH, HEADS, SIZE = 16, 2, 2, 64
SMALL = {ViT: ViT(WIDTH, DEPTH, HEADS), BeiT: BeiT(WIDTH, DEPTH, HEADS), ResNet: ResNet((1, 1, 1, 1), (8, 8, 16, 16))}


@dataclass(frozen=True)
class Written:
    """peer: the row with the small network in the place of its own; features: what its authors' network gives of
    normalised pixels, (B, 3, SIZE, SIZE) -> (B, C, rows, cols), without a line of the loader's."""

    peer: Peer
    path: Path
    features: Callable[[Tensor], Tensor]


def small(name: str) -> Peer:
    network = PEERS[name].network
    if network is None:
        return PEERS[name]
    made = SMALL[type(network)]
    return replace(PEERS[name], network=replace(made, class_token=False) if getattr(network, "class_token", True) is
                   False else made)


def plain_vit(*, class_token: bool = True, positions_for: int = SIZE, last_norm: bool = True) -> VisionTransformer:
    network = VisionTransformer(img_size=positions_for, patch_size=16, embed_dim=WIDTH, depth=DEPTH, num_heads=HEADS,
                                num_classes=0, class_token=class_token, fc_norm=False, dynamic_img_size=True,
                                global_pool="token" if class_token else "avg")
    if not last_norm:
        network.norm = nn.Identity()
    return drawn(network)


def shared_beit() -> Beit:
    """As the authors' pretraining has it: one table of relative positions for all blocks."""
    return drawn(Beit(img_size=SIZE, patch_size=16, embed_dim=WIDTH, depth=DEPTH, num_heads=HEADS, num_classes=0,
                      global_pool="token", use_abs_pos_emb=False, use_shared_rel_pos_bias=True, init_values=0.1))


def drawn(network: nn.Module) -> nn.Module:
    """Every number random: what a loader leaves at its beginning would not show otherwise."""
    generator = torch.Generator().manual_seed(0)
    for name, tensor in network.state_dict().items():
        if tensor.is_floating_point():
            values = torch.randn(tensor.shape, generator=generator) * 0.3
            tensor.copy_(values.abs() + 0.5 if name.endswith("running_var") else values)
    return network.eval()


def of_vit(network: nn.Module) -> Callable[[Tensor], Tensor]:
    num_others = 1 if network.cls_token is not None else 0
    return lambda pixels: network.forward_features(pixels)[:, num_others:].mT.unflatten(2, (SIZE // 16, SIZE // 16))


def of_resnet(network: TimmResNet) -> Callable[[Tensor], Tensor]:
    def features(pixels: Tensor) -> Tensor:
        hidden = network.maxpool(network.act1(network.bn1(network.conv1(pixels))))
        fine = network.layer3(network.layer2(network.layer1(hidden)))
        coarse = nn.functional.interpolate(network.layer4(fine), size=fine.shape[2:], mode="bilinear",
                                           align_corners=False)
        return torch.cat([fine, coarse], dim=1)
    return features


def of_transformers(network: nn.Module, *, num_others: int = 1) -> Callable[[Tensor], Tensor]:
    return lambda pixels: network(pixels).last_hidden_state[:, num_others:].mT.unflatten(2, (SIZE // 16, SIZE // 16))


def under(prefix: str, network: nn.Module) -> dict[str, Tensor]:
    return {prefix + name: tensor for name, tensor in network.state_dict().items()}


def with_head(tensors: dict[str, Tensor], *names: str) -> dict[str, Tensor]:
    """Besides the network what its training left: heads, predictors."""
    return tensors | {name: torch.randn(WIDTH, WIDTH) for name in names}


def write_own(name: str, path: Path) -> Written:
    """In the layout of the authors' repository, with what else their checkpoint holds."""
    peer = small(name)
    system = name.rpartition("-")[0]
    record = argparse.Namespace(arch="vit_base", lr=0.1)
    optimizer = {"state": {0: {"exp_avg": torch.ones(3)}}, "param_groups": []}
    if system in ("byol", "densecl"):
        network = drawn(TimmResNet(Bottleneck, (1, 1, 1, 1), num_classes=0, channels=(8, 8, 16, 16)))
        tensors = with_head(under("", network), "fc.weight")
        torch.save({"state_dict": tensors, "author": "DenseCL"} if system == "densecl" else tensors, path)
        return Written(peer, path, of_resnet(network))
    if system in ("beit", "data2vec", "simmim"):
        network = shared_beit()
        index = {"rel_pos_bias.relative_position_index": torch.zeros(17, 17, dtype=torch.long)}
        tensors = with_head(under("", network) | index, "mask_token")
        if system == "simmim":
            tensors = {f"encoder.{key}": tensor for key, tensor in tensors.items()}
            tensors["decoder.0.weight"] = torch.randn(768, WIDTH, 1, 1)
        else:
            tensors["lm_head.weight"] = torch.randn(32 if system == "beit" else WIDTH, WIDTH)
        torch.save({"model": tensors, "optimizer": optimizer, "args": record}, path)
        return Written(peer, path, of_vit(network))
    network = plain_vit(class_token=name != "ijepa-h14", last_norm=system != "siameseim",
                        positions_for=448 if system == "semmae" else SIZE)
    other = drawn(plain_vit(class_token=name != "ijepa-h14")).state_dict()
    copies = {f"module.{key}": tensor + 1 for key, tensor in other.items()}  # the copy that is not read
    if system == "mocov3":
        tensors = under("module.base_encoder.", network) | {
            key.replace("module.", "module.momentum_encoder."): tensor for key, tensor in copies.items()}
        content = {"epoch": 300, "arch": "vit_base", "optimizer": optimizer,
                   "state_dict": with_head(tensors, "module.base_encoder.head.0.weight", "module.predictor.0.weight")}
    elif system in ("dino", "ibot"):
        student = {key.replace("module.", "module.backbone."): tensor for key, tensor in copies.items()}
        if system == "ibot":
            student["module.backbone.masked_embed"] = torch.zeros(1, WIDTH)
        content = {"student": student, "teacher": with_head(under("backbone.", network), "head.mlp.0.weight"),
                   "optimizer": optimizer, "epoch": 100, "args": record}
    elif system in ("msn", "ijepa"):
        content = {"encoder": copies, "target_encoder": under("module.", network), "opt": optimizer, "epoch": 300}
        if system == "msn":
            content["prototypes"] = torch.randn(8, WIDTH)
            content["target_encoder"] = with_head(content["target_encoder"], "module.fc.fc1.weight")
        else:
            content["predictor"] = {"module.predictor_embed.weight": torch.randn(WIDTH, WIDTH)}
    elif system == "siameseim":
        momentum = {key.replace("module.", "mm_"): tensor for key, tensor in copies.items()}
        content = {"model": with_head(under("", network) | momentum, "decoder_embed.weight"), "args": record}
    else:  # MAE, SemMAE
        content = {"model": with_head(under("", network), "decoder_pred.weight", "decoder_blocks.0.mlp.fc1.weight"),
                   "optimizer": optimizer, "epoch": 799, "args": record}
    torch.save(content, path)
    return Written(peer, path, of_vit(network))


def write_transformers(name: str, folder: Path) -> Written:
    """As transformers saves it."""
    sizes = {"hidden_size": WIDTH, "num_hidden_layers": DEPTH, "num_attention_heads": HEADS,
             "intermediate_size": 4 * WIDTH, "image_size": SIZE, "patch_size": 16, "layer_norm_eps": 1e-6}
    system, num_others = name.rpartition("-")[0], 1
    if system == "msn":
        whole = network = transformers.ViTMSNModel(transformers.ViTMSNConfig(**sizes))
    elif system == "mae":
        config = transformers.ViTMAEConfig(**sizes, mask_ratio=0.0, decoder_hidden_size=WIDTH,
                                           decoder_num_hidden_layers=1, decoder_num_attention_heads=HEADS,
                                           decoder_intermediate_size=WIDTH)
        whole = transformers.ViTMAEForPreTraining(config)
        network = whole.vit
    elif system == "ijepa":
        whole = network = transformers.IJepaModel(transformers.IJepaConfig(**sizes))
        num_others = 0
    elif system == "beit":
        whole = transformers.BeitForMaskedImageModeling(transformers.BeitConfig(
            **sizes, use_shared_relative_position_bias=True, vocab_size=32))
        network = whole.beit
    else:
        whole = network = transformers.Data2VecVisionModel(
            transformers.Data2VecVisionConfig(**sizes, use_relative_position_bias=True, use_mean_pooling=True))
    drawn(whole).save_pretrained(folder)
    features = of_transformers(network, num_others=num_others)
    if system == "beit":  # the last norm is the head's there
        plain = features
        features = lambda pixels: whole.layernorm(plain(pixels).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)  # noqa: E731
    if system == "mae":  # it shuffles patches as it masks them, be it none
        def features(pixels: Tensor) -> Tensor:
            order = torch.arange((SIZE // 16)**2, dtype=torch.float32)[None].expand(len(pixels), -1)
            return network(pixels, noise=order).last_hidden_state[:, 1:].mT.unflatten(2, (SIZE // 16, SIZE // 16))
    return Written(small(name), folder / "model.safetensors", features)


def write_titok(name: str, folder: Path) -> Written:
    sizes = TransformerConfig(64, DEPTH, 1, 128)
    titok = drawn(TiTok(TiTokConfig(native_size=SIZE, num_tokens=8, num_codes=32, encoder=sizes, decoder=sizes,
                                    num_pixel_codes=None)))
    path = folder / "titok.safetensors"
    save_file({published_names(key, TITOK_NAMES)[0]: tensor for key, tensor in titok.state_dict().items()}, path)

    def features(pixels: Tensor) -> Tensor:
        seen = []
        hook = titok.encoder.blocks[-1].register_forward_hook(lambda block, given, hidden: seen.append(hidden))
        titok.encoder(pixels, titok.tokens)
        hook.remove()
        patches = titok.encoder.norm_post(seen[0])[:, 1:1 + (SIZE // 16)**2]
        return patches.mT.unflatten(2, (SIZE // 16, SIZE // 16))
    return Written(PEERS[name], path, features)
