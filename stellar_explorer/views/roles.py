"""What a concept is in its photo, in a word, measured from where it lies: a thing, a part of it, ground, sky, an edge.

Nothing here knows what a thing is called. The words come from masks at 1/K alone: where they lie, how much of the
photo's frame they touch, how solid they are; sky also asks the photo's colours.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view as _windows

MAIN, PART, OTHER = "main thing", "part of it", "another thing"
GROUND, SKY, BACKGROUND = "ground", "sky", "background"
EDGE, TRACES = "edge", "traces"
ROLES = (MAIN, PART, OTHER, GROUND, SKY, BACKGROUND, EDGE, TRACES)  # the most object-like first

LEAST_AREA = 0.012  # of the photo: a smaller mask is a trace
LEAST_RISE = 0.1  # of the way from 1/K to 1: a lower peak leaves traces
LEAST_SOLID = 0.3  # of a mask, in squares as wide as half of it, at most an eighth of the photo; less is lines
MOST_OF_A_THING = 0.8  # of the photo; what covers more is not a thing in it
LEAST_INSIDE = 0.55  # of a part, in the main thing; of what lies behind it, in the largest background
LEAST_HELD = 0.6  # of the most object-like concept, in the whole thing that it is of
LEAST_LIKENESS = 0.25  # of a whole thing's likeness, of its most object-like part's
BROAD = 0.4  # of one of the photo's sides
SMOOTH = 0.07  # how much a sky may change over a twelfth of the photo, colours in 0..1
BLUE = 0.03  # how much more blue than red a sky has


@dataclass(frozen=True)
class Role:
    """What a page says of a concept.

    role: one of ROLES; place: where, "top left" to "bottom right", "centre" or "around", a part's in the main thing;
    label: the role, with its place or a number where another concept of the photo has the same; salience: its rank, 0
    for the most object-like.
    """

    role: str
    place: str
    label: str
    salience: int


def roles(localization: np.ndarray, patch_grid: tuple[int, int], colours: np.ndarray | None = None) -> list[Role]:
    """(N, K), and the photo itself as (rows, cols, 3) uint8 -> a Role a token, in token order.

    Without colours nothing is called sky. At most one token is the main thing.
    """
    maps = np.asarray(localization, np.float64).T.reshape(-1, *patch_grid)
    shapes = [_shape(token_map, len(maps)) for token_map in maps]
    words = [_alone(shape) for shape in shapes]
    behind = _behind(shapes, words)
    main = _main(shapes, words, behind)
    words = [_beside(shape, word, main, behind) for shape, word in zip(shapes, words, strict=True)]
    words = [_scene(shape, colours) if word == BACKGROUND else word for shape, word in zip(shapes, words, strict=True)]
    places = [_place(shape, word, main) for shape, word in zip(shapes, words, strict=True)]
    order = sorted(range(len(words)), key=lambda token: (ROLES.index(words[token]), -shapes[token].likeness, token))
    salience = {token: rank for rank, token in enumerate(order)}
    return [Role(word, place, label, salience[token])
            for token, (word, place, label) in enumerate(zip(words, places, _labels(words, places, order),
                                                             strict=True))]


@dataclass(frozen=True, eq=False)
class Shape:
    """One mask, measured. Areas are shares of the photo; the sides are top, bottom, left, right.

    rise: its peak, 0 at 1/K and 1 at 1; solid: the share of the mask that squares fill; likeness: how much like a
    thing it lies, about 0 to 2.
    """

    mask: np.ndarray
    area: float
    rise: float
    sides: tuple[float, float, float, float]
    solid: float
    centre: float
    centroid: tuple[float, float]

    @property
    def frame(self) -> float:
        """How much of the frame it has over how much of the photo: a blob put anywhere has 1. Things stand on the
        lower side, so that counts half."""
        top, bottom, left, right = self.sides
        return (top + bottom / 2 + left + right) / 3.5 / max(self.area, 1e-9)

    @property
    def likeness(self) -> float:
        return self.centre * self.solid / (0.5 + self.frame)

    def inside(self, other: Shape) -> float:
        """The share of this mask that lies in the other."""
        return float((self.mask & other.mask).sum() / max(self.mask.sum(), 1))


def _shape(token_map: np.ndarray, num_tokens: int) -> Shape:
    """(rows, cols); where it is 1/K everywhere the mask is the whole photo."""
    peak, even = float(token_map.max()), 1 / num_tokens
    mask = token_map > even if peak > even * (1 + 1e-6) else token_map >= even * (1 - 1e-6)
    rows, cols = mask.shape
    count = max(int(mask.sum()), 1)
    y, x = (np.arange(rows) + 0.5) / rows, (np.arange(cols) + 0.5) / cols
    window = np.outer(np.sin(np.pi * y), np.sin(np.pi * x))
    return Shape(
        mask, area=float(mask.mean()), rise=(peak - even) / max(1 - even, 1e-9),
        sides=tuple(float(side.mean()) for side in (mask[0], mask[-1], mask[:, 0], mask[:, -1])),
        solid=float(_opened(mask).sum() / count), centre=float(window[mask].sum() / count / window.mean()),
        centroid=(float(mask.sum(axis=0) @ x / count), float(mask.sum(axis=1) @ y / count)))


def _opened(mask: np.ndarray) -> np.ndarray:
    """The mask as far as squares that fit inside it cover it (a morphological opening)."""
    side = min(max(2, round(min(mask.size**0.5 / 8, mask.sum()**0.5 / 2))), *mask.shape)
    fits = _windows(_windows(mask, side, 0).all(axis=-1), side, 1).all(axis=-1)
    fits = np.pad(fits, side - 1)
    return _windows(_windows(fits, side, 0).any(axis=-1), side, 1).any(axis=-1)


def _alone(shape: Shape) -> str:
    """The word for a mask by itself: OTHER for what may be a thing, BACKGROUND for what may be ground or sky."""
    if shape.area > MOST_OF_A_THING:
        return BACKGROUND
    if shape.area < LEAST_AREA or shape.rise < LEAST_RISE:
        return TRACES
    if shape.solid < LEAST_SOLID:
        return EDGE
    if shape.frame < 0.8 and shape.centre > 0.9:
        return OTHER
    return BACKGROUND if max(shape.sides) >= BROAD or shape.frame >= 1 else OTHER


def _main(shapes: list[Shape], words: list[str], behind: Shape | None) -> Shape | None:
    """The largest thing that holds the most object-like of them, None where nothing lies like a thing."""
    things = [shape for shape, word in zip(shapes, words, strict=True) if word == OTHER]
    # A clearing in the background lies like a thing, but is one only where nothing else is.
    things = [shape for shape in things if behind is None or shape.inside(behind) < LEAST_INSIDE] or things
    if not things:
        return None
    first = max(things, key=lambda shape: shape.likeness * shape.area**0.5)
    return max((shape for shape in things if first.inside(shape) >= LEAST_HELD
                and shape.likeness >= LEAST_LIKENESS * first.likeness), key=lambda shape: shape.area)


def _behind(shapes: list[Shape], words: list[str]) -> Shape | None:
    """The largest background."""
    return max((shape for shape, word in zip(shapes, words, strict=True) if word == BACKGROUND),
               key=lambda shape: shape.area, default=None)


def _beside(shape: Shape, word: str, main: Shape | None, behind: Shape | None) -> str:
    """The word again, now that the main thing and what is behind it are known."""
    if shape is main:
        return MAIN
    if word in (EDGE, TRACES) or main is None or shape is behind:
        return word
    inside = shape.inside(main)
    if inside >= LEAST_INSIDE:
        return PART
    if behind is not None and shape.inside(behind) >= LEAST_INSIDE:
        return BACKGROUND
    return PART if word == OTHER and inside >= LEAST_INSIDE / 2 else word


def _scene(shape: Shape, colours: np.ndarray | None) -> str:
    """Ground, sky or neither, of what is a background."""
    top, bottom = shape.sides[:2]
    height = shape.centroid[1]
    if top >= BROAD and bottom < BROAD / 2 and height < 0.5 and colours is not None and _is_sky(shape.mask, colours):
        return SKY
    return GROUND if bottom >= BROAD and top < BROAD / 2 and height > 0.6 else BACKGROUND


def _is_sky(mask: np.ndarray, colours: np.ndarray) -> bool:
    """Smooth and blue."""
    colours = np.asarray(colours, np.float64) / 255
    apart = max(1, round(mask.size**0.5 / 12))
    changes = [np.abs(after - before).mean(axis=-1)[both] for before, after, both in _pairs(mask, colours, apart)]
    red, _, blue = colours[mask].mean(axis=0)
    return bool(np.mean(np.concatenate([*changes, [0.0]])) < SMOOTH and blue - red > BLUE)


def _pairs(mask: np.ndarray, colours: np.ndarray, apart: int) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Down and across: the colours of patches, of those so many patches on, and where both are in the mask."""
    for image, inside in ((colours, mask), (colours.swapaxes(0, 1), mask.T)):
        yield image[:-apart], image[apart:], inside[:-apart] & inside[apart:]


def _place(shape: Shape, word: str, main: Shape | None) -> str:
    """The third of the photo, or for a part of the main thing's box, that the centroid lies in."""
    x, y = shape.centroid
    if word == PART:
        x, y = _in_box(x, main.mask.any(axis=0)), _in_box(y, main.mask.any(axis=1))
    place = " ".join(filter(None, (_third(y, "top", "bottom"), _third(x, "left", "right"))))
    return place or ("around" if word in (BACKGROUND, EDGE) else "centre")


def _labels(words: list[str], places: list[str], order: list[int]) -> list[str]:
    """In token order, all different: the role, where that is not enough its place, then a number by salience."""
    where = {word: {place for other, place in zip(words, places, strict=True) if other == word} for word in words}
    labels = [word if len(where[word]) == 1 else f"{word}, {place}" for word, place in zip(words, places, strict=True)]
    shared, seen, numbered = Counter(labels), Counter(), list(labels)
    for token in order:
        label = labels[token]
        seen[label] += 1
        if shared[label] > 1:
            numbered[token] = f"{label} {seen[label]}"
    return numbered


def _third(at: float, low: str, high: str) -> str:
    offset = round(at - 0.5, 9)  # so that a mirrored photo has mirrored places
    return "" if abs(offset) <= 1 / 6 else low if offset < 0 else high


def _in_box(at: float, covered: np.ndarray) -> float:
    """A place in 0..1 of the photo -> in 0..1 of the stretch from the first to the last covered row or column."""
    first, last = np.flatnonzero(covered)[[0, -1]]
    return (at * len(covered) - first) / (last + 1 - first)
