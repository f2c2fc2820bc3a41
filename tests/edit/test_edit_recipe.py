"""Recipes of edits: what is written is read again, what is no recipe is one sentence, and the command that replays."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model.operations.editing import EDITS, Clone, Erase, Morph, Move, Scale, Strengthen, SwapWhat, SwapWhere, Withdraw
from stellar_explorer.__main__ import main
from stellar_explorer.edit.edits import Editor
from stellar_explorer.edit.recipe import PhotoEntry, Recipe, read_recipe, write_recipe
from stellar_explorer.examples import examples
from stellar_explorer.explorer import Explorer
from tests.fakes.collections import photo_bytes, tiny_explorer
from tests.fakes.edits import decoding_explorer

EVERY = (
    Move((0, 2), 0.25, -0.1), Erase((1,)), Withdraw((4,)), Clone((2,), 0.2, 0.0), Scale((0,), 1.5),
    Strengthen((3,), -2.0), SwapWhat((0, 4), (1, 2), "a"), SwapWhat((0,), (3,)), SwapWhere("b"), Morph("a", 0.5, 0.25))
EXAMPLE = next(iter(examples()))
RECIPE = Recipe("tiny", EVERY, 224, 16, PhotoEntry(example=EXAMPLE),
                {"a": PhotoEntry(example=EXAMPLE), "b": PhotoEntry(file="other.png")})


def said(**changes) -> dict:
    """A small recipe as JSON has it; None takes a field away."""
    whole = {"version": 2, "model": "tiny", "photos": {"a": {"example": EXAMPLE}},
             "edits": [{"edit": "move", "tokens": [0], "dx": 0.5, "dy": 0}], **changes}
    return {name: value for name, value in whole.items() if value is not None}


def with_edit(edit: object) -> dict:
    return said(edits=[{"edit": "erase", "tokens": [1]}, edit])


def test_what_is_written_is_read_again():
    assert {type(edit) for edit in EVERY} == set(EDITS)
    text = write_recipe(RECIPE)
    assert read_recipe(text) == RECIPE and read_recipe(text.encode()) == RECIPE
    assert write_recipe(read_recipe(text)) == text
    bare = Recipe("tiny", ())
    assert read_recipe(write_recipe(bare)) == bare


def test_erasing_in_a_recipe_of_version_1_is_what_it_was():
    before = read_recipe(json.dumps(with_edit({"edit": "move", "tokens": [0], "dx": 0.5, "dy": 0}) | {"version": 1}))
    assert before.edits == (Withdraw((1,)), Move((0,), 0.5, 0))
    assert json.loads(write_recipe(before))["version"] == 2 and read_recipe(write_recipe(before)) == before
    assert read_recipe(json.dumps(said(edits=[{"edit": "erase", "tokens": [1]}]))).edits == (Erase((1,)),)


@pytest.mark.parametrize(("recipe", "words"), [
    ("{", "not JSON"),
    ("[" * 100_000, "nested deeper"),
    ("[]", "not a JSON object"),
    (" " * 300_000, "larger than 256 kB"),
    (said(version=3), "has version 3; this program reads versions 1 and 2"),
    (said(version=None), "has version null"),
    (said(version=True), "has version true"),
    (said(model=None), "lacks the field model"),
    (said(model=""), "model must be a name"),
    (said(edits=None), "lacks the field edits"),
    (said(edits={}), "must be a list"),
    (said(edits=[{"edit": "erase", "tokens": [0]}] * 201), "at most 200"),
    (said(colour="red"), "unknown field colour"),
    (said(resolution=100), "from 224 to 1024"),
    (said(resolution=448.0), "from 224 to 1024"),
    (said(width=0), "width must be"),
    (said(photos=[]), "must be an object"),
    (said(photos={"../a": {"example": EXAMPLE}}), "names a photo ../a"),
    (said(photos={"a": "x.jpg"}), 'must be {"example": id} or {"file": name}'),
    (said(photos={"a": {}}), "either an example or a file"),
    (said(photos={"a": {"example": EXAMPLE, "file": "x"}}), "either an example or a file"),
    (said(photos={"a": {"url": "http://x"}}), "unknown field url"),
    (said(photo=3), "The recipe's photo must be"),
    (with_edit(7), "Edit 2 is 7; there are move, erase"),
    (with_edit({"edit": "explode", "tokens": [0]}), "Edit 2 is explode; there are move, erase"),
    (with_edit({"edit": ["move"]}), "Edit 2 is"),
    (with_edit({"edit": "move", "tokens": [0], "dx": 0.1}), "Edit 2, move, lacks the field dy"),
    (with_edit({"edit": "erase", "tokens": [0], "by": 3}), "Edit 2, erase, has an unknown field by"),
    (with_edit({"edit": "erase", "tokens": []}), "a list of concepts' numbers"),
    (with_edit({"edit": "erase", "tokens": 3}), "a list of concepts' numbers"),
    (with_edit({"edit": "erase", "tokens": [1.5]}), "tokens 1.5; a concept is a whole number"),
    (with_edit({"edit": "erase", "tokens": [-1]}), "tokens -1; a concept is a whole number"),
    (with_edit({"edit": "erase", "tokens": [True]}), "tokens true; a concept is a whole number"),
    (with_edit({"edit": "scale", "tokens": [0], "by": "2"}), "by 2; it must be a number"),
    (with_edit({"edit": "scale", "tokens": [0], "by": True}), "by true; it must be a number"),
    ('{"version": 1, "model": "m", "edits": [{"edit": "scale", "tokens": [0], "by": NaN}]}', "NaN is no number"),
    ('{"version": 1, "model": "m", "edits": [{"edit": "scale", "tokens": [0], "by": 1e999}]}', "1e999 is too large"),
    (with_edit({"edit": "swap_where", "photo": "nobody"}), "a photo nobody that is not among the recipe's photos"),
    (with_edit({"edit": "swap_where", "photo": 3}), "photo 3; it must be the name"),
    (with_edit({"edit": "swap_what", "tokens": [0], "others": [], "photo": "a"}), "others []"),
])  # fmt: skip
def test_what_is_no_recipe_is_one_sentence(recipe, words):
    with pytest.raises(ValueError, match=r"\.$") as refused:
        read_recipe(recipe if isinstance(recipe, str) else json.dumps(recipe))
    assert words in str(refused.value) and "\n" not in str(refused.value) and len(str(refused.value)) < 300


# Replayed by the command


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> str:
    return decoding_explorer(tmp_path_factory.mktemp("weights")).models[0]


@pytest.fixture
def place(tmp_path, model):
    """A folder with a photo, another one and a recipe of every edit."""
    (tmp_path / "photo.png").write_bytes(photo_bytes(1))
    (tmp_path / "other.png").write_bytes(photo_bytes(2, (64, 96)))
    recipe = Recipe(Path(model).name, EVERY, 224, 16, None,
                    {"a": PhotoEntry(example=EXAMPLE), "b": PhotoEntry(file="other.png")})
    (tmp_path / "recipe.json").write_text(write_recipe(recipe), encoding="utf-8")
    return tmp_path


def command(place: Path, model: str, *more: str, recipe: str = "recipe.json") -> int:
    return main(["edit", str(place / "photo.png"), "--recipe", str(place / recipe), "--out", str(place / "out.png"),
                 "--model", model, *more])


def test_the_command_draws_what_the_edits_make(place, model, capsys):
    assert command(place, model) == 0
    told = capsys.readouterr()
    assert told.err == "" and told.out.startswith("photo.png: 10 edits, 224 x 144 pixels")
    drawn = (place / "out.png").read_bytes()
    explorer = Explorer((model,))
    photos = [Image.open(place / "photo.png").convert("RGB"), Image.open(examples()[EXAMPLE].path).convert("RGB"),
              Image.open(place / "other.png").convert("RGB")]
    mine, a, b = (explorer.analyse(photo, model, 224) for photo in photos)
    made = Editor(explorer).decode(model, mine, EVERY, {"a": a, "b": b})
    assert made.png() == drawn
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(drawn))), made.picture)
    assert command(place, model, "--overwrite") == 0 and (place / "out.png").read_bytes() == drawn


def test_no_edits_draw_the_plain_reconstruction(place, model):
    (place / "none.json").write_text(write_recipe(Recipe(Path(model).name, ())), encoding="utf-8")
    assert command(place, model, "--resolution", "256", recipe="none.json") == 0
    explorer = Explorer((model,))
    from stellar_explorer.photo import fit, open_photo

    image = fit(open_photo(place / "photo.png"), resolution=256, patch_size=16)
    plain = explorer.stellar(model).decode(explorer.stellar(model).factorize(image))[0].permute(1, 2, 0)
    drawn = np.asarray(Image.open(place / "out.png"))
    np.testing.assert_array_equal(drawn, (255 * plain).round().byte().numpy())


def test_a_photo_is_beside_the_recipe_or_where_it_is_said_to_be(place, model, capsys):
    assert command(place, model) == 0
    drawn = (place / "out.png").read_bytes()
    (place / "other.png").rename(place / "elsewhere.png")
    assert command(place, model, "--overwrite") == 2
    assert "b is other.png, which is not beside the recipe" in capsys.readouterr().err
    assert command(place, model, "--overwrite", "--photo", f"b={place / 'elsewhere.png'}") == 0
    assert (place / "out.png").read_bytes() == drawn


@pytest.mark.parametrize(("more", "words"), [
    (["--photo", "c=x.png"], "it names a, b"),
    (["--photo", "b"], "not NAME=PATH"),
    (["--photo", "b=missing.png"], "missing.png"),
    (["--resolution", "100"], "from 224 to 1024"),
    (["--model", "nonsuch"], "nonsuch"),
    (["--recipe", "nowhere.json"], "nowhere.json cannot be read"),
])
def test_what_a_person_can_mend_is_one_sentence_and_status_2(more, words, place, model, capsys):
    assert command(place, model, *more) == 2
    told = capsys.readouterr()
    assert told.out == "" and words in told.err and len(told.err.splitlines()) == 1
    assert not (place / "out.png").exists()


@pytest.mark.parametrize("arguments", [[], ["x.jpg"], ["x.jpg", "--recipe", "r.json"], ["--out", "o.png"]])
def test_missing_arguments_are_one_sentence(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["edit", *arguments])
    told = capsys.readouterr()
    assert stopped.value.code == 2 and told.out == "" and len(told.err.splitlines()) == 1


@pytest.mark.parametrize(("change", "words"), [
    ({"edits": [{"edit": "erase", "tokens": [16]}]}, "Edit 1, erase: there is no concept 16; they go from 0 to 4."),
    ({"edits": [{"edit": "erase", "tokens": [0, 1, 2, 3, 4]}]}, "one concept has to stay"),
    ({"edits": [{"edit": "scale", "tokens": [0], "by": 99}]}, "from 0.1 to 10"),
    ({"width": 768}, "768 numbers wide and those of this"),
    ({"model": "another"}, "made with another and this is"),
    ({"photos": {"a": {"example": "nonsuch"}}}, "no example (nonsuch)"),
])
def test_recipes_that_do_not_fit_the_photo_are_one_sentence(change, words, place, model, capsys):
    recipe = {"version": 2, "model": Path(model).name, "edits": [], **change}
    (place / "bad.json").write_text(json.dumps(recipe), encoding="utf-8")
    assert command(place, model, recipe="bad.json") == 2
    told = capsys.readouterr()
    assert words in told.err and len(told.err.splitlines()) == 1 and not (place / "out.png").exists()


def test_a_model_without_a_decoder_is_one_sentence(place, tmp_path_factory, capsys):
    bare = tiny_explorer(tmp_path_factory.mktemp("bare")).models[0]
    (place / "none.json").write_text(write_recipe(Recipe(Path(bare).name, ())), encoding="utf-8")
    assert command(place, bare, recipe="none.json") == 2
    assert "no decoder" in capsys.readouterr().err


def test_a_folder_in_the_way_of_the_picture_is_one_sentence(place, model, capsys):
    (place / "out.png").mkdir()
    assert command(place, model) == 2
    assert "cannot be written" in capsys.readouterr().err
    assert sorted(path.name for path in place.iterdir()) == ["other.png", "out.png", "photo.png", "recipe.json"]
