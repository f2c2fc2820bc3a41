"""Recipes: one a file, each a function that returns a TrainConfig."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from train.config import RecipeError, TrainConfig
from train.settings import suggestion

NAMES = tuple(sorted(module.name for module in iter_modules(__path__)))


def recipe(name: str) -> TrainConfig:
    """By its file's name; RecipeError with the known ones otherwise."""
    if name not in NAMES:
        raise RecipeError(f"there is no recipe {name!r}{suggestion(name, NAMES)}; there are {', '.join(NAMES)}")
    return import_module(f"train.recipes.{name}").recipe()
