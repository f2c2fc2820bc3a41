"""What a table is: rows of systems, columns of measures."""

from __future__ import annotations

from dataclasses import dataclass, field

README = "the README of github microsoft/STELLAR"
SLIDES = "the slides"
PERCENT = 100.0


@dataclass(frozen=True)
class DataSet:
    """name: as --data NAME=FOLDER has it; hub, split, columns: where the published figures' photos come from."""

    name: str
    label: str
    hub: str
    split: str = "validation"
    columns: tuple[str, ...] = ("image", "label")


@dataclass(frozen=True)
class Column:
    """measure: of the protocol; `{read}` in it is what the row is read by. shown: measured value times scale, or its
    distance from 1 where `from_one`."""

    name: str
    label: str
    data: DataSet
    protocol: str
    measure: str
    scale: float = 1.0
    from_one: bool = False
    digits: int = 2

    def shown(self, value: float) -> float:
        return self.scale * (1 - value if self.from_one else value)


@dataclass(frozen=True)
class Row:
    """name: unique in its table; model: a name of model/peers, None for weights that only their owner has (NAME=FILE).

    read: what of it stands for a whole photo. published: by a column's name. tokens: where rows differ in that alone.
    """

    name: str
    label: str
    model: str | None
    read: str = "mean_patch_feature"
    published: dict[str, float] = field(default_factory=dict)
    tokens: int | None = None


@dataclass(frozen=True)
class Table:
    """rebuilds: its rows are looked at as what rebuilds pictures (a MAE with its decoder), not as features."""

    name: str
    label: str
    source: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    rebuilds: bool = False

    @property
    def data(self) -> dict[str, DataSet]:
        return {column.data.name: column.data for column in self.columns}


IMAGENET = DataSet("imagenet-1k", "ImageNet-1k", "ILSVRC/imagenet-1k")
PETS = DataSet("pets", "Pets", "timm/oxford-iiit-pet", "test")
FOOD = DataSet("food-101", "Food-101", "ethz/food101")
GLAS = DataSet("glas", "GlaS", "", "test")
ADE = DataSet("ade20k", "ADE20K", "", columns=("image", "annotation"))
CITYSCAPES = DataSet("cityscapes", "Cityscapes", "", columns=("image", "annotation"))
VOC = DataSet("voc2012", "VOC 2012", "", columns=("image", "annotation"))


def linear(data: DataSet) -> Column:
    return Column(data.name, f"{data.label} top-1 (%)", data, "linear_probe", "linear_probe/{read}", PERCENT)


def miou(data: DataSet) -> Column:
    return Column(data.name, f"{data.label} mIoU (%)", data, "segmentation", "segmentation/patch_features_miou",
                  PERCENT)
