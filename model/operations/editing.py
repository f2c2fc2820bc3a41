"""Edits of what an image holds and where: concepts moved, erased, withdrawn, cloned, scaled, strengthened, swapped and
blended.

Edits act on localization logits, log L, of which a softmax over the tokens is L again, and on semantics. The rules:

- A concept is moved by its odds against all others, `odds`: at its new place it has the share that it had at its old
  one, and the others divide the rest among themselves as they would without it. The place that it leaves is filled in
  the same way, by the others, renormalised. Several tokens edited together are one concept: odds are of them all.
- What leaves the picture is lost, and what comes in at the other side is as empty as the concept's emptiest patch.
- Concepts that are away from their place lie in front: `FRONT` lifts them where they are, by their share there.
- A concept is erased where it lies, and what lies around is continued there (model/operations/inpainting.py);
  elsewhere nothing changes. What a copy, or a concept that was moved, lies on is known and need not be continued: it
  is withdrawn.
- Withdrawing is a logit of which nothing is left, `ABSENT`: the others divide the share among themselves, everywhere.
  The last concept cannot be withdrawn.
- K stays K but for clones, whose columns are appended.
- A patch whose logits no edit has touched keeps its row of L to the last bit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from model.factorization import Factorization
from model.operations.inpainting import grown, place_of, sources
from model.operations.pairing import pair_tokens

ABSENT = -1e4  # exp of it is 0 in float32, and no sum of MOST_EDITS strengths brings it back
# What a moved concept gains where its share is at its peak. Chosen by looking at ten example photos with nano, whose
# patches are shared by three concepts or so: at 0 a moved one is a shadow on what lies there, at 5 a flat patch.
FRONT = 3.0
NOTHING_LEFT = "one concept has to stay; leave at least one that is not erased."
MOST_EDITS = 200
MOST_STRENGTH = 20.0
LEAST_SCALE, MOST_SCALE = 0.1, 10.0
MOST_TOKENS = 256


@dataclass(frozen=True)
class Canvas:
    """An image between two edits.

    logits: (B, N, K); a constant added to a whole row changes nothing. semantics: (B, K, D).
    displacement: (K, 3), how far each token is from its place: patches down, patches right, log of its scale.
    """

    logits: Tensor
    semantics: Tensor
    displacement: Tensor
    patch_grid: tuple[int, int]

    @property
    def num_tokens(self) -> int:
        return self.logits.shape[-1]


def edited(
    factorization: Factorization, edits: Sequence[Edit], others: Mapping[str, Factorization] | None = None
) -> Factorization:
    """The same image after the edits, in their order. Its patch features and summary stay those of the photo.

    others: the images that edits take concepts from, by the name that the edits give them; a batch of one serves all.
    ValueError, one sentence that says which edit, for what cannot be done.
    """
    if len(edits) > MOST_EDITS:
        raise ValueError(f"There are {len(edits)} edits; at most {MOST_EDITS} can be made.")
    before = canvas = canvas_of(factorization)
    for number, edit in enumerate(edits, start=1):
        try:
            canvas = edit.apply(canvas, others or {})
        except ValueError as error:
            raise ValueError(f"Edit {number}, {edit.name}: {error}") from None
    logits = with_front(canvas)
    localization = logits.softmax(dim=-1)
    if canvas.num_tokens == before.num_tokens:
        is_untouched = (logits == before.logits).all(dim=-1, keepdim=True)
        localization = torch.where(is_untouched, factorization.localization, localization)
    return replace(factorization, semantics=canvas.semantics, localization=localization)


def canvas_of(factorization: Factorization) -> Canvas:
    localization = factorization.localization
    logits = localization.clamp_min(torch.finfo(localization.dtype).tiny).log()
    displacement = logits.new_zeros(factorization.num_tokens, 3)
    return Canvas(logits, factorization.semantics, displacement, factorization.patch_grid)


def with_front(canvas: Canvas) -> Tensor:
    """(B, N, K): the logits, with concepts that are away from their place lifted where they are."""
    is_away = (canvas.displacement.abs() > 1e-6).any(dim=1)
    if not is_away.any():
        return canvas.logits
    share = canvas.logits.softmax(dim=-1)
    presence = share / share.amax(dim=1, keepdim=True).clamp_min(torch.finfo(share.dtype).tiny)
    return canvas.logits + FRONT * presence * is_away


# --- edits ---


@dataclass(frozen=True)
class Edit:
    """One edit. `name` is what recipes call it."""

    name: ClassVar[str]

    def apply(self, canvas: Canvas, others: Mapping[str, Factorization]) -> Canvas:
        raise NotImplementedError


@dataclass(frozen=True)
class Move(Edit):
    """dx, dy: shares of the image's sides, right and down, -1..1; rounded to whole patches."""

    name = "move"
    tokens: tuple[int, ...]
    dx: float
    dy: float

    def apply(self, canvas: Canvas, others: Mapping[str, Factorization]) -> Canvas:
        chosen = tokens_of(canvas, self.tokens)
        down, right = patches(canvas.patch_grid, self.dx, self.dy)
        if not (down or right):
            return canvas
        shifted = shift(odds(canvas.logits, chosen), canvas.patch_grid, down, right)
        displacement = canvas.displacement.clone()
        displacement[chosen, :2] += displacement.new_tensor([down, right])
        return replace(canvas, logits=with_odds(canvas.logits, chosen, shifted), displacement=displacement)


@dataclass(frozen=True)
class Erase(Edit):
    """The tokens together are one thing, and its place is a hole, a patch larger than its outline."""

    name = "erase"
    tokens: tuple[int, ...]

    def apply(self, canvas: Canvas, others: Mapping[str, Factorization]) -> Canvas:
        chosen = tokens_of(canvas, self.tokens)
        if not rest_of(canvas.logits, chosen):
            raise ValueError(NOTHING_LEFT)
        is_away = (canvas.displacement[chosen].abs() > 1e-6).any(dim=1).tolist()
        in_place = [token for token, away in zip(chosen, is_away, strict=True) if not away]
        if len(in_place) < len(chosen):
            canvas = Withdraw(tuple(token for token in chosen if token not in in_place)).apply(canvas, others)
        return replace(canvas, logits=inpainted(canvas, in_place)) if in_place else canvas


@dataclass(frozen=True)
class Withdraw(Edit):
    """What Erase was in recipes of version 1."""

    name = "withdraw"
    tokens: tuple[int, ...]

    def apply(self, canvas: Canvas, others: Mapping[str, Factorization]) -> Canvas:
        chosen = tokens_of(canvas, self.tokens)
        is_left = (canvas.logits > ABSENT / 2).any(dim=1).all(dim=0)
        if not is_left[rest_of(canvas.logits, chosen)].any():
            raise ValueError(NOTHING_LEFT)
        logits = canvas.logits.clone()
        logits[..., chosen] = ABSENT
        return replace(canvas, logits=logits)


@dataclass(frozen=True)
class Clone(Edit):
    """Appends a token for each of `tokens`, with the same what, dx and dy away from it (as of Move)."""

    name = "clone"
    tokens: tuple[int, ...]
    dx: float
    dy: float

    def apply(self, canvas: Canvas, others: Mapping[str, Factorization]) -> Canvas:
        chosen = tokens_of(canvas, self.tokens)
        if canvas.num_tokens + len(chosen) > MOST_TOKENS:
            raise ValueError(f"a picture can have at most {MOST_TOKENS} concepts.")
        down, right = patches(canvas.patch_grid, self.dx, self.dy)
        shifted = shift(odds(canvas.logits, chosen), canvas.patch_grid, down, right)
        copies = shifted + canvas.logits.logsumexp(dim=-1, keepdim=True)
        displacement = canvas.displacement[chosen] + canvas.displacement.new_tensor([down, right, 0])
        return Canvas(torch.cat([canvas.logits, copies], dim=-1),
                      torch.cat([canvas.semantics, canvas.semantics[:, chosen]], dim=1),
                      torch.cat([canvas.displacement, displacement]), canvas.patch_grid)


@dataclass(frozen=True)
class Scale(Edit):
    """by: how many times as large, 0.1..10, about the centroid of the tokens' shares together."""

    name = "scale"
    tokens: tuple[int, ...]
    by: float

    def apply(self, canvas: Canvas, others: Mapping[str, Factorization]) -> Canvas:
        chosen = tokens_of(canvas, self.tokens)
        if not LEAST_SCALE <= self.by <= MOST_SCALE:
            raise ValueError(f"the scale is {self.by:g}; it must be from {LEAST_SCALE:g} to {MOST_SCALE:g}.")
        if self.by == 1:
            return canvas
        share = canvas.logits.softmax(dim=-1)[..., chosen].sum(dim=-1)
        enlarged = enlarge(odds(canvas.logits, chosen), share, canvas.patch_grid, self.by)
        displacement = canvas.displacement.clone()
        displacement[chosen, 2] += math.log(self.by)
        return replace(canvas, logits=with_odds(canvas.logits, chosen, enlarged), displacement=displacement)


@dataclass(frozen=True)
class Strengthen(Edit):
    """by: what is added to the tokens' logits everywhere, -20..20; below 0 it weakens."""

    name = "strengthen"
    tokens: tuple[int, ...]
    by: float

    def apply(self, canvas: Canvas, others: Mapping[str, Factorization]) -> Canvas:
        chosen = tokens_of(canvas, self.tokens)
        if not abs(self.by) <= MOST_STRENGTH:
            raise ValueError(f"the strength is {self.by:g}; it must be from {-MOST_STRENGTH:g} to {MOST_STRENGTH:g}.")
        logits = canvas.logits.clone()
        logits[..., chosen] += self.by
        return replace(canvas, logits=logits)


@dataclass(frozen=True)
class SwapAppearance(Edit):
    """The tokens say what tokens `others` of `photo` say, where they are; photo None: of this image as it is by now.

    The first says what the first of the others says, and so on; where `others` ends, its last serves the rest.
    """

    name = "swap_what"
    tokens: tuple[int, ...]
    others: tuple[int, ...]
    photo: str | None = None

    def apply(self, canvas: Canvas, others: Mapping[str, Factorization]) -> Canvas:
        chosen = tokens_of(canvas, self.tokens)
        source = canvas.semantics if self.photo is None else other_photo(canvas, others, self.photo).semantics
        if not self.others:
            raise ValueError("it names no concept to take from.")
        for other in self.others:
            if not 0 <= other < source.shape[1]:
                raise ValueError(f"there is no concept {other} there; they go from 0 to {source.shape[1] - 1}.")
        given = [self.others[min(place, len(self.others) - 1)] for place in range(len(chosen))]
        semantics = canvas.semantics.clone()
        semantics[:, chosen] = source[:, given]
        return replace(canvas, semantics=semantics)


@dataclass(frozen=True)
class Blend(Edit):
    """Towards `photo`, along what and along where, 0 (as it is) to 1 (the other's).

    Tokens go to those that say the most alike, one to one (`match`); those left over, as clones are, stay as they are.
    """

    name = "morph"
    photo: str
    what: float
    where: float

    def apply(self, canvas: Canvas, others: Mapping[str, Factorization]) -> Canvas:
        for name, share in (("what", self.what), ("where", self.where)):
            if not 0 <= share <= 1:
                raise ValueError(f"{name} is {share:g}; it must be from 0 to 1.")
        other = other_photo(canvas, others, self.photo)
        ours, theirs = pair_tokens(canvas.semantics, other.semantics)
        target = resampled(canvas_of(other).logits, other.patch_grid, canvas.patch_grid)
        logits, semantics = canvas.logits, canvas.semantics
        if self.where:
            if ours.shape[1] < canvas.num_tokens:  # columns that stay are compared with those that came
                logits, target = logits.log_softmax(dim=-1), target.log_softmax(dim=-1)
            columns = target.expand(len(logits), -1, -1).take_along_dim(theirs[:, None], dim=2)
            places = ours[:, None].expand_as(columns)
            logits = logits.scatter(2, places, torch.lerp(logits.gather(2, places), columns, self.where))
        if self.what:
            rows = other.semantics.expand(len(semantics), -1, -1).take_along_dim(theirs[..., None], dim=1)
            places = ours[..., None].expand_as(rows)
            semantics = semantics.scatter(1, places, torch.lerp(semantics.gather(1, places), rows, self.what))
        return replace(canvas, logits=logits, semantics=semantics)


@dataclass(frozen=True)
class SwapPosition(Edit):
    """This image's what at the other's where: Blend all the way along where, not at all along what."""

    name = "swap_where"
    photo: str

    def apply(self, canvas: Canvas, others: Mapping[str, Factorization]) -> Canvas:
        return Blend(self.photo, what=0, where=1).apply(canvas, others)


EDITS: tuple[type[Edit], ...] = (Move, Erase, Withdraw, Clone, Scale, Strengthen, SwapAppearance, SwapPosition, Blend)


# --- parts ---


def tokens_of(canvas: Canvas, tokens: Sequence[int]) -> list[int]:
    if not tokens:
        raise ValueError("it names no concept.")
    if len(set(tokens)) < len(tokens):
        raise ValueError("it names a concept twice.")
    for token in tokens:
        if not 0 <= token < canvas.num_tokens:
            raise ValueError(f"there is no concept {token}; they go from 0 to {canvas.num_tokens - 1}.")
    return list(tokens)


def other_photo(canvas: Canvas, others: Mapping[str, Factorization], name: str) -> Factorization:
    other = others.get(name)
    if other is None:
        raise ValueError(f"the photo {name} is missing.")
    width, found = canvas.semantics.shape[-1], other.semantics.shape[-1]
    if found != width:
        raise ValueError(f"the concepts of the photo {name} are {found} numbers wide and this photo's {width}; "
                         "both have to come from one model.")
    return other


def patches(patch_grid: tuple[int, int], dx: float, dy: float) -> tuple[int, int]:
    """Shares of the sides -> whole patches (down, right)."""
    if not (abs(dx) <= 1 and abs(dy) <= 1):
        raise ValueError(f"it goes {dx:g} to the right and {dy:g} down; both are shares of the sides, from -1 to 1.")
    rows, cols = patch_grid
    return round(dy * rows), round(dx * cols)


def rest_of(logits: Tensor, tokens: Sequence[int]) -> list[int]:
    return [token for token in range(logits.shape[-1]) if token not in set(tokens)]


def inpainted(canvas: Canvas, tokens: list[int]) -> Tensor:
    """(B, N, K): the logits, without the tokens where they lie, together, as the picture now shows it."""
    shares = with_front(canvas).softmax(dim=-1)
    together = shares[..., tokens].sum(dim=-1)
    has_others = shares[..., rest_of(shares, tokens)].sum(dim=-1) > 0
    place = place_of(together, even=len(tokens) / canvas.num_tokens)
    with_border = grown(place, canvas.patch_grid)
    # Of what is strewn over the whole picture the borders have to serve too.
    is_hole = torch.where((has_others & ~with_border).any(dim=1, keepdim=True), with_border, place)
    if not (has_others & ~is_hole).any(dim=1).all():
        raise ValueError(NOTHING_LEFT)
    continued = []
    for share, rows, hole in zip(shares, canvas.logits, is_hole, strict=True):
        if hole.any():
            rows = rows[sources(share, tokens, hole, canvas.patch_grid)]
            rows[:, tokens] = rows[:, tokens].masked_fill(hole[:, None], ABSENT)
        continued.append(rows)
    return torch.stack(continued)


def odds(logits: Tensor, tokens: Sequence[int]) -> Tensor:
    """(B, N, K) -> (B, N, len(tokens)): log of each token's share to that of all others but `tokens` together."""
    rest = rest_of(logits, tokens)
    if not rest:
        return logits.log_softmax(dim=-1)[..., list(tokens)]
    return logits[..., list(tokens)] - logits[..., rest].logsumexp(dim=-1, keepdim=True)


def with_odds(logits: Tensor, tokens: Sequence[int], found: Tensor) -> Tensor:
    """The inverse of `odds`: the tokens have these, the others keep their logits."""
    rest = rest_of(logits, tokens)
    logits = logits.clone()
    logits[..., list(tokens)] = found + logits[..., rest].logsumexp(dim=-1, keepdim=True) if rest else found
    return logits


def shift(columns: Tensor, patch_grid: tuple[int, int], down: int, right: int) -> Tensor:
    """(B, N, G) moved by whole patches; patches that come in from outside get their column's smallest value."""
    maps = columns.mT.unflatten(2, patch_grid)
    rows, cols = patch_grid
    moved = maps.amin(dim=(2, 3), keepdim=True).expand_as(maps).clone()
    if abs(down) < rows and abs(right) < cols:
        to_rows, to_cols = slice(max(0, down), rows + min(0, down)), slice(max(0, right), cols + min(0, right))
        of_rows, of_cols = slice(max(0, -down), rows + min(0, -down)), slice(max(0, -right), cols + min(0, -right))
        moved[:, :, to_rows, to_cols] = maps[:, :, of_rows, of_cols]
    return moved.flatten(2).mT


def enlarge(columns: Tensor, share: Tensor, patch_grid: tuple[int, int], by: float) -> Tensor:
    """(B, N, G) sampled anew between patches, about the centroid of share (B, N); outside as in `shift`."""
    rows, cols = patch_grid
    y, x = torch.meshgrid(*(torch.arange(side, dtype=columns.dtype, device=columns.device) * 2 / side + 1 / side - 1
                            for side in patch_grid), indexing="ij")
    places = torch.stack([x, y], dim=-1).flatten(0, 1)
    centroid = (share / share.sum(dim=1, keepdim=True).clamp_min(1e-12)) @ places
    asked = centroid[:, None] + (places - centroid[:, None]) / by
    maps = columns.mT.unflatten(2, patch_grid)
    least = maps.amin(dim=(2, 3), keepdim=True)
    sampled = F.grid_sample(maps - least, asked.unflatten(1, (rows, cols)), align_corners=False)
    return (sampled + least).flatten(2).mT


def resampled(logits: Tensor, patch_grid: tuple[int, int], wanted: tuple[int, int]) -> Tensor:
    """(B, N, K) on another grid, between patches; each grid covers its whole image."""
    if patch_grid == wanted:
        return logits
    maps = F.interpolate(logits.mT.unflatten(2, patch_grid), wanted, mode="bilinear", align_corners=False)
    return maps.flatten(2).mT
