"""What features are good for: classes by a linear probe, segmentation by batch norm and a 1 x 1 convolution."""

from model.peers.table import PEERS
from train.tables.declaration import (
    ADE,
    CITYSCAPES,
    FOOD,
    GLAS,
    IMAGENET,
    PERCENT,
    PETS,
    README,
    VOC,
    Column,
    Row,
    Table,
    linear,
    miou,
)

KNN = Column("imagenet-1k-knn", "ImageNet-1k k-NN (%)", IMAGENET, "knn", "knn/{read}", PERCENT)
CONCEPTS = "mean_concept"
# By the README's rows: DINO, MAE by 196 tokens; STELLAR by its 16.
PUBLISHED = {
    "dino-b16": {"imagenet-1k": 70.31, "imagenet-1k-knn": 54.41},
    "mae-b16": {"imagenet-1k": 66.32, "imagenet-1k-knn": 25.82},
    "titok-l32": {"imagenet-1k": 33.42, "imagenet-1k-knn": 7.30},
    "titok-b64": {"imagenet-1k": 32.87, "imagenet-1k-knn": 7.29},
    "stellar-b16": {"imagenet-1k": 73.26, "imagenet-1k-knn": 67.25},
    "stellar-h16": {"imagenet-1k": 79.10, "imagenet-1k-knn": 77.31},
}
TABLE = Table(
    "downstream", "Downstream tasks on frozen features", README,
    (linear(IMAGENET), KNN, linear(PETS), linear(FOOD), linear(GLAS), miou(ADE), miou(CITYSCAPES), miou(VOC)),
    tuple(Row(name, peer.system, name, CONCEPTS if name.startswith("stellar") else "mean_patch_feature",
              PUBLISHED.get(name, {}))
          for name, peer in PEERS.items()))
