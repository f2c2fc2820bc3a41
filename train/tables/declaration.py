"""What a table is: rows of systems, columns of measures."""

from __future__ import annotations

from dataclasses import dataclass, field

README = "the README of github microsoft/STELLAR"
SLIDES = "the slides"
PERCENT = 100.0


@dataclass(frozen=True)
class DataSet:
    """name: as --data NAME=SOURCE has it; hub: the data set of the hub with these photos, "" where none is known;
    config, split, image, classes, mask: what of it is looked at. gated: its terms are to be accepted first."""

    name: str
    label: str
    hub: str = ""
    split: str = "validation"
    config: str | None = None
    image: str = "image"
    classes: str | None = "label"
    mask: str | None = None
    gated: bool = False

    @property
    def described(self) -> str:
        """What would be fetched."""
        columns = ", ".join(filter(None, (self.image, self.classes, self.mask)))
        config = f"{self.config}, " if self.config else ""
        return f"{self.name} from {self.hub} ({config}{self.split}; columns {columns}{'; gated' if self.gated else ''})"


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


# Cityscapes and VOC are copies by others than who made the data.
IMAGENET = DataSet("imagenet-1k", "ImageNet-1k", "ILSVRC/imagenet-1k", gated=True)
PETS = DataSet("pets", "Pets", "timm/oxford-iiit-pet", "test")
FOOD = DataSet("food-101", "Food-101", "ethz/food101")
GLAS = DataSet("glas", "GlaS", split="test")
ADE = DataSet("ade20k", "ADE20K", "zhoubolei/scene_parse_150", config="scene_parsing", classes=None, mask="annotation")
CITYSCAPES = DataSet("cityscapes", "Cityscapes", "Chris1/cityscapes", classes=None, mask="semantic_segmentation")
VOC = DataSet("voc2012", "VOC 2012", "nateraw/pascal-voc-2012", classes=None, mask="mask")


def linear(data: DataSet) -> Column:
    return Column(data.name, f"{data.label} top-1 (%)", data, "linear_probe", "linear_probe/{read}", PERCENT)


def miou(data: DataSet) -> Column:
    return Column(data.name, f"{data.label} mIoU (%)", data, "segmentation", "segmentation/patch_features_miou",
                  PERCENT)
