"""Which systems there are by name: what each is, where its weights are, under which licence, and how it is read.

No published weights of these have been run here: each loader is proved on a small random model in the layout that the
authors' code writes, and nothing more is claimed.
"""

from __future__ import annotations

from dataclasses import dataclass

from model.baselines.titok import REPOSITORIES as TITOK_REPOSITORIES
from model.checkpoints.checkpoint import PUBLISHED, HubFile
from model.peers.architectures import BeiT, ResNet, ViT

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
HALF = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
PLAIN = ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))  # colours in 0..1, as they are

B16, L16, H14 = ViT(768, 12, 12), ViT(1024, 24, 16), ViT(1280, 32, 16, 14)
NORMED = "patches after the last block, normed by the last norm"
STAGES = "stages of strides 16 and 32, joined at 16"


@dataclass(frozen=True)
class Peer:
    """system:  what the slides call it
    features:   what is read of it
    licence:    of the published weights, as their repository says
    published:  where the authors have them
    layouts:    keys of `layouts.LAYOUTS` that it is read from
    network:    its architecture; None where a loader of ours reads it off the file (STELLAR, TiTok)
    hub:        a hub repository (config.json and weights), or a file of one; None where there is only a file elsewhere
    pixels:     mean and deviation by which colours in 0..1 are normalised
    last_norm:  False where a file may lack the last norm, and the patches are then read as the last block leaves them
    """

    system: str
    features: str
    licence: str
    published: str
    layouts: tuple[str, ...] = ()
    network: ViT | BeiT | ResNet | None = None
    hub: str | HubFile | None = None
    pixels: tuple[tuple[float, ...], tuple[float, ...]] = IMAGENET
    last_norm: bool = True
    note: str = ""


def _mae(size: str, network: ViT) -> Peer:
    return Peer(f"MAE {size[0]}", NORMED, "CC BY-NC 4.0", "github facebookresearch/mae",
                ("timm", "mae", "transformers"), network, f"timm/vit_{size.lower()}.mae")


def _ibot(size: str, network: ViT) -> Peer:
    return Peer(f"iBOT {size}", NORMED, "Apache 2.0", "github bytedance/ibot (ImageNet-1K, backbone or whole)",
                ("timm", "ibot", "dino"), network, note="the teacher's network of a whole checkpoint")


def _beit(size: str, network: BeiT) -> Peer:
    return Peer(f"BEiT {size[0].upper()}", NORMED, "Apache 2.0 (hub), MIT (repository)",
                f"github microsoft/unilm, beit_{size}_patch16_224_pt22k", ("beit", "transformers-beit"), network,
                f"microsoft/beit-{size}-patch16-224-pt22k", HALF,
                note="self-supervised on ImageNet-22K, not fine-tuned")


def _titok(size: str) -> Peer:
    return Peer(f"TiTok {int(size[1:])}", "the encoder's patches after its last norm, which its codes do not use",
                "Apache 2.0", "github bytedance/1d-tokenizer", ("titok",), hub=TITOK_REPOSITORIES[f"titok-{size}"],
                pixels=PLAIN, note="its pictures: name it as a CHECKPOINT")


def _stellar(name: str) -> Peer:
    return Peer(f"STELLAR {name.removeprefix('stellar-')}", "its own concepts and patches", "MIT",
                "the hub's microsoft/STELLAR", ("stellar",), hub=PUBLISHED[name])


PEERS = {
    "byol-r50": Peer(
        "BYOL", STAGES, "Apache 2.0", "github deepmind/deepmind-research, pretrain_res50x1.pkl", ("resnet",), ResNet(),
        note="the published pickle holds a program's objects: convert it with github chigur/byol-convert first"),
    "mocov3-b16": Peer(
        "MoCo v3", NORMED, "CC BY-NC 4.0", "github facebookresearch/moco-v3, vit-b-300ep", ("mocov3", "timm"), B16,
        note="the base encoder, which the authors evaluate"),
    "dino-b16": Peer("DINO", NORMED, "Apache 2.0", "github facebookresearch/dino", ("timm", "dino"), B16,
                     "timm/vit_base_patch16_224.dino", note="the teacher's network of a whole checkpoint"),
    "msn-b16": Peer("MSN", NORMED, "CC BY-NC 4.0", "github facebookresearch/msn, vitb16_600ep",
                    ("msn", "transformers"), B16, "facebook/vit-msn-base", note="the target encoder"),
    "densecl-r50": Peer("DenseCL", STAGES, "GPL 3.0", "github WXinlong/DenseCL", ("resnet",), ResNet(),
                        HubFile("xinlongwang/DenseCL", "densecl_r50_imagenet_200ep.pth")),
    "data2vec-b16": Peer(
        "data2vec", NORMED, "MIT", "github facebookresearch/data2vec_vision, base_800",
        ("data2vec", "transformers-beit"), BeiT(768, 12, 12), "facebook/data2vec-vision-base", last_norm=False,
        note="the hub's copy has no last norm: its patches are read as the last block leaves them"),
    "siameseim-b16": Peer(
        "SiameseIM", "patches as the last block leaves them: it has no last norm", "CC BY-NC 4.0",
        "github OpenGVLab/Siamese-Image-Modeling, sim_base_1600ep_pretrain", ("siameseim",), B16, last_norm=False,
        note="the online encoder, which the authors evaluate"),
    "ijepa-h14": Peer(
        "I-JEPA", NORMED, "CC BY-NC 4.0", "github facebookresearch/ijepa, IN1K-vit.h.14-300e",
        ("ijepa", "transformers-ijepa"), ViT(1280, 32, 16, 14, class_token=False), "facebook/ijepa_vith14_1k",
        note="the target encoder of the authors' file; the hub's copy is the context encoder"),
    "ibot-b16": _ibot("B", B16),
    "ibot-l16": _ibot("L", L16),
    "beit-b16": _beit("base", BeiT(768, 12, 12)),
    "beit-l16": _beit("large", BeiT(1024, 24, 16)),
    "simmim-b16": Peer("SimMIM", NORMED, "MIT", "github microsoft/SimMIM, simmim_pretrain__vit_base__img224__800ep",
                       ("simmim",), BeiT(768, 12, 12)),
    "mae-b16": _mae("Base_patch16_224", B16),
    "mae-l16": _mae("Large_patch16_224", L16),
    "mae-h14": _mae("Huge_patch14_224", H14),
    "semmae-b16": Peer("SemMAE", NORMED, "none given", "github ucasligang/SemMAE, 16 x 16 patches",
                       ("semmae", "mae"), B16, note="positions for 448 pixels"),
    "titok-b64": _titok("b64"),
    "titok-l32": _titok("l32"),
    **{name: _stellar(name) for name in PUBLISHED},
}
