"""What a run is made of: recipes build, any setting is overridden by its name, what cannot be is said in a sentence."""

import dataclasses
import importlib
import json

import pytest

from train.config import RecipeError, TeacherConfig, TrainConfig
from train.recipes import NAMES, recipe

PUBLISHED_LOSSES = {"reconstruction": 0.05, "clustering": 1.0, "summary_clustering": 1.0, "set_alignment": 1.0,
                    "summary_alignment": 1.0, "koleo": 0.1}


@pytest.fixture(scope="module")
def base() -> TrainConfig:
    return recipe("base")


@pytest.fixture(scope="module")
def nano() -> TrainConfig:
    return recipe("nano")


# Recipes


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_knows_its_name_and_survives_json(name):
    config = recipe(name)
    assert config.recipe == name
    assert TrainConfig.from_json(config.to_json()) == config
    assert f"--recipe {name}" in importlib.import_module(f"train.recipes.{name}").recipe.__doc__


def test_the_recipes_are_there():
    assert {"base", "nano", "tokenizer"} <= set(NAMES)


def test_an_unknown_recipe_is_told_with_a_suggestion():
    with pytest.raises(RecipeError, match=r"no recipe 'nanno' \(did you mean nano\?\); there are .*base"):
        recipe("nanno")


def test_base_has_the_published_numbers(base):
    """DESIGN, section 2."""
    assert base.weights == PUBLISHED_LOSSES
    model, views, prototypes, optimizer = base.model, base.views, base.prototypes, base.optimizer
    assert (model.width, model.depth, model.num_heads, model.mlp_width) == (768, 12, 12, 3072)
    assert (model.patch_size, model.native_size, model.num_tokens) == (16, 224, 16)
    assert model.localization_temperature == 0.06 and model.stem is None
    decoder = model.decoder
    assert (decoder.width, decoder.depth, decoder.num_heads, decoder.mlp_width, decoder.num_codes) == (
        512, 6, 8, 2048, 1024)
    assert base.init == "timm:vit_base_patch16_224.mae" and base.tokenizer_weights == "published"
    assert (base.batch_size, base.epochs, base.steps, base.precision) == (128, 150, None, "auto")
    assert (views.num_masked, views.num_local, views.mask_ratio) == (8, 8, 0.8)
    assert (views.resolutions, views.local_resolution) == ((224,), 96)
    assert (views.scale, views.local_scale, views.flip) == ((0.36, 1.0), (0.06, 0.36), 0.5)
    assert (views.jitter, views.jitter_probability, views.grey_probability) == ((0.4, 0.4, 0.2, 0.1), 0.8, 0.2)
    assert (views.blur_kernel, views.blur_sigma, views.blur_probability) == (9, (0.1, 2.0), 0.5)
    assert (prototypes.num_prototypes, prototypes.prototype_width, prototypes.predictor_width) == (16_384, 256, 2048)
    assert (prototypes.assignment_temperature, prototypes.prediction_temperature, prototypes.rounds) == (0.06, 0.12, 3)
    assert (optimizer.learning_rate, optimizer.final_learning_rate, optimizer.warmup) == (1.5e-4, 1e-6, 0.1)
    assert (optimizer.weight_decay, optimizer.clip) == (0.04, 3.0)


# Leaving losses out


@pytest.mark.parametrize(("left_out", "gone"), [
    ("reconstruction", {"reconstruction"}),                                                        # (A)
    ("clustering,set_alignment,summary_alignment", {"clustering", "set_alignment", "summary_alignment"}),  # (B)
    ("set_alignment,summary_alignment", {"set_alignment", "summary_alignment"}),                   # (C)
    ("summary_clustering,summary_alignment", {"summary_clustering", "summary_alignment"}),         # (E)
    ("koleo", {"koleo"}),                                                                          # (F)
])
def test_an_ablation_is_one_override(base, left_out, gone):
    config = base.without(*left_out.split(","))
    assert config.weights == {name: weight for name, weight in PUBLISHED_LOSSES.items() if name not in gone}
    assert dataclasses.replace(config, weights=base.weights) == base


def test_without_clustering_the_alignment_stays(base):
    """(D): its assignments are the alignment's targets, so they are made and count for nothing by themselves."""
    assert base.without("clustering").weights == {**PUBLISHED_LOSSES, "clustering": 0.0}
    assert base.without("summary_clustering").weights == {**PUBLISHED_LOSSES, "summary_clustering": 0.0}
    config = base.without("clustering", "set_alignment")
    assert not {"clustering", "set_alignment"} & set(config.weights)
    assert TrainConfig.from_json(base.without("clustering").to_json()).weights["clustering"] == 0


def test_a_loss_that_is_not_there_cannot_be_left_out(base):
    with pytest.raises(RecipeError, match=r"--without koleos: .*did you mean koleo\?.*it has reconstruction"):
        base.without("koleos")
    with pytest.raises(RecipeError, match="no loss is left"):
        base.without(*PUBLISHED_LOSSES)


# Settings by their names


@pytest.mark.parametrize(("assignment", "path", "value"), [
    ("batch_size=64", "batch_size", 64),
    ("optimizer.learning_rate=3", "optimizer.learning_rate", 3.0),
    ("optimizer.betas=[0.9,0.95]", "optimizer.betas", (0.9, 0.95)),
    ("views.resolutions=[192,224]", "views.resolutions", (192, 224)),
    ("views.resolutions=224", "views.resolutions", (224,)),
    ("optimizer.average=None", "optimizer.average", None),
    ("optimizer.average=null", "optimizer.average", None),
    ("data.source=a folder/of photos", "data.source", "a folder/of photos"),
    ("data.source=k=v", "data.source", "k=v"),
    ("data.streaming=true", "data.streaming", True),
    ("data.streaming=False", "data.streaming", False),
    ("precision=no", "precision", "no"),
    ("teachers.0.weights=vit.safetensors", "teachers.0.weights", "vit.safetensors"),
    ("teachers.1.stages=[2]", "teachers.1.stages", (2,)),
    ("weights.koleo=0.5", "weights.koleo", 0.5),
    ("model.tokenizer.channel_multipliers=[1,2]", "model.tokenizer.channel_multipliers", (1, 2)),
    ("model.decoder.num_codes=null", "model.decoder.num_codes", None),
])
def test_a_setting_is_set_by_its_name_and_nothing_else_changes(nano, assignment, path, value):
    changed = nano.override([assignment])
    found, before = changed, nano
    for key in path.split("."):
        found, before = (part[int(key)] if isinstance(part, tuple)
                         else part[key] if isinstance(part, dict) else getattr(part, key) for part in (found, before))
    assert found == value and type(found) is type(value)
    back = changed.override([f"{path}={json.dumps(before)}"])
    assert back == nano


def test_no_override_changes_nothing(nano):
    assert nano.override([]) == nano


def test_settings_are_taken_all_at_once(nano):
    """In the end they fit, though not each by itself."""
    config = nano.override(["token_groups=[1,3]", "group_shares=[0.5,0.5]", "model.num_tokens=4"])
    assert config.model.num_tokens == 4
    config = nano.override(["model.decoder=null"], without=["reconstruction"])
    assert config.model.decoder is None and "reconstruction" not in config.weights


def test_steps_take_the_place_of_epochs_and_epochs_of_steps(base, nano):
    assert (base.override(["steps=10"]).steps, base.override(["steps=10"]).epochs) == (10, None)
    assert (nano.override(["epochs=0.5"]).steps, nano.override(["epochs=0.5"]).epochs) == (None, 0.5)
    with pytest.raises(RecipeError, match="either steps or epochs"):
        nano.override(["epochs=1", "steps=5"])


@pytest.mark.parametrize(("assignment", "sentence"), [
    ("batchsize=3", r"no setting 'batchsize' \(did you mean batch_size\?\)"),
    ("optimizer.learning_rat=3", r"did you mean optimizer\.learning_rate\?"),
    ("teachers.0.weight_=x", r"did you mean teachers\.0\.weight"),
    ("teachers.7.weights=x", r"no setting 'teachers\.7\.weights'"),
    ("weights.0.x=1", "no setting"),
    ("weights.kolleo=1", r"no loss 'kolleo' \(did you mean koleo\?\); a stellar run knows"),
    ("weights.perceptual=1", "no loss 'perceptual'"),
    ("batch_size", "'batch_size' is no setting; write name=value"),
    ("=3", "no setting ''"),
    ("batch_size=many", "batch_size must be a whole number, found 'many'"),
    ("batch_size=2.0", "batch_size must be a whole number, found 2.0"),
    ("batch_size=true", "batch_size must be a whole number"),
    ("batch_size=null", "batch_size must be a whole number"),
    ("optimizer.clip=much", "optimizer.clip must be a number"),
    ("optimizer.clip=NaN", "optimizer.clip must be a number, found nan"),
    ("optimizer.clip=Infinity", "optimizer.clip must be a number"),
    ("optimizer.betas=[1]", "optimizer.betas has 2 values, found 1"),
    ("optimizer.betas=[0.9,null]", r"optimizer\.betas\.1 must be a number"),
    ("data.streaming=1", "data.streaming must be true or false"),
    ("data.column=5", "data.column must be text"),
    ("data=5", "data is made of named values, found 5"),
    ("weights=5", "weights is made of named values"),
    ("teachers=[{\"name\":\"a\",\"nam\":1}]", r"no setting 'teachers\.0\.nam' \(did you mean name\?\)"),
    ("teachers=[{}]", "teachers.0: .*name"),
])
def test_what_cannot_be_set_is_said(nano, assignment, sentence):
    with pytest.raises(RecipeError, match=sentence) as caught:
        nano.override([assignment])
    assert "\n" not in str(caught.value)


def test_a_recipe_that_is_no_json_is_said():
    with pytest.raises(RecipeError, match="JSON"):
        TrainConfig.from_json("{half")


# Combinations


@pytest.mark.parametrize(("assignments", "sentence"), [
    (["steps=0"], "steps must be above 0"),
    (["steps=null"], "either steps or epochs"),
    (["batch_size=0"], "batch_size must be at least 1"),
    (["log_every=0"], "log_every must be at least 1"),
    (["save_every=0"], "save_every must be at least 1"),
    (["picture_every=-1"], "picture_every must be at least 1"),
    (["seed=-1"], "seed must be at least 0"),
    (["precision=fp8"], "precision must be auto, bf16 or no, found 'fp8'"),
    (["trains=everything"], "trains must be one of stellar, tokenizer"),
    (["weights={}"], "no loss is left"),
    (["weights.koleo=0"], "weight of koleo is 0; leave a loss out with --without koleo"),
    (["weights.koleo=-1"], "weight of koleo is -1"),
    (["weights={\"clustering\":0,\"koleo\":1}"], "weight of clustering is 0"),
    (["weights={\"set_alignment\":1}"], "set_alignment needs clustering"),
    (["weights={\"summary_alignment\":1}"], "summary_alignment needs summary_clustering"),
    (["weights={\"clustering\":1,\"set_alignment\":1}", "views.num_masked=0"], "set_alignment needs masked views"),
    (["weights={\"summary_clustering\":1,\"summary_alignment\":1}", "views.num_masked=0", "views.num_local=0"],
     "summary_alignment needs masked views or local crops"),
    (["views.num_masked=-1"], "views.num_masked must be at least 0"),
    (["views.mask_ratio=1"], "views.mask_ratio must be in 0..1 and below 1, found 1.0"),
    (["views.resolutions=[]"], "views.resolutions must name at least one side"),
    (["views.resolutions=[0]"], "views.resolutions must name"),
    (["views.resolutions=[200]"], "side of 200 px is no multiple of the patch size, 16"),
    (["views.num_local=2", "views.local_resolution=90"], "side of 90 px"),
    (["views.scale=[0.5,0.2]"], r"views\.scale must have 0 < low <= high <= 1, found 0\.5 and 0\.2"),
    (["views.local_scale=[0,0.2]"], r"views\.local_scale must have"),
    (["views.flip=2"], r"views\.flip must be in 0\.\.1"),
    (["views.jitter=[0,0,0,0.6]"], "views.jitter"),
    (["views.blur_kernel=8"], "views.blur_kernel must be odd, found 8"),
    (["views.blur_sigma=[2,1]"], r"views\.blur_sigma must have 0 < low <= high, found"),
    (["prototypes.num_prototypes=0"], "prototypes.num_prototypes must be at least 1"),
    (["prototypes.prediction_temperature=0"], "prototypes.prediction_temperature must be above 0"),
    (["optimizer.learning_rate=0"], "optimizer.learning_rate must be above 0"),
    (["explained=1.5"], "explained must be in"),
    (["simplicity_from=-1"], "simplicity_from must be in"),
    (["optimizer.warmup=1.5"], "optimizer.warmup must be in"),
    (["optimizer.average=1"], "optimizer.average must be null or"),
    (["optimizer.betas=[0.9,1]"], "optimizer.betas"),
    (["data.num_workers=-1"], "data.num_workers must be at least 0"),
    (["data.max_bad_share=2"], "data.max_bad_share must be in"),
    (["teachers=[]"], "distillation needs teachers"),
    (["teachers.0.width=0"], "tf_efficientnet_lite0.*width must be at least 1"),
    (["teachers.1.stages=[]"], "at least one of its stages"),
    (["model.decoder=null"], "reconstruction needs model.decoder"),
    (["model.num_tokens=0"], "model.num_tokens must be at least 1"),
    (["model.num_heads=7"], r"a width of \d+ cannot be split among 7 heads"),
    (["model.native_size=100"], "native_size 100 is no multiple of the patch size 16"),
    (["token_groups=[4,4]"], r"token_groups must sum to the 16 tokens, found \[4, 4\]"),
    (["token_groups=[]"], "token_groups must sum"),
    (["group_shares=[0.5,0.5]"], "group_shares must be 3 positive shares that sum to 1"),
])
def test_what_does_not_go_together_is_said(nano, assignments, sentence):
    with pytest.raises(RecipeError, match=sentence) as caught:
        nano.override(assignments)
    assert "\n" not in str(caught.value)


def test_nano_trains_only_what_comes_after_its_frozen_blocks(nano):
    assert (nano.model.depth, nano.model.join_block) == (11, 8)
    assert sum(part.startswith("encoder.blocks.") for part in nano.frozen) == nano.model.join_block


def test_losses_that_lean_on_another_are_named(nano, base):
    with pytest.raises(RecipeError, match="both numbers are 0"):
        base.override(["views.num_masked=0", "views.num_local=0"], without=["set_alignment"])
    assert "distillation" not in nano.without("distillation").weights


@pytest.mark.parametrize(("assignment", "sentence"), [
    ("model.tokenizer=null", "needs model.tokenizer"),
    ("model.stem=null", "needs model.stem"),
    ("views.resolutions=[144]", None),
    ("model.tokenizer.unshuffle=8", None),
    ("weights.koleo=1", "no loss 'koleo'; a tokenizer run knows reconstruction"),
])
def test_a_tokenizers_run_has_rules_of_its_own(assignment, sentence):
    tokenizer = recipe("tokenizer")
    if sentence is None:
        assert tokenizer.override([assignment]).trains == "tokenizer"
    else:
        with pytest.raises(RecipeError, match=sentence):
            tokenizer.override([assignment])
    with pytest.raises(RecipeError, match="side of 144 px is no multiple of the tokenizer's stride, 32"):
        tokenizer.override(["views.resolutions=144", "model.tokenizer.unshuffle=8"])


def test_a_config_made_by_hand_is_checked_too(base):
    with pytest.raises(RecipeError, match="distillation needs teachers"):
        dataclasses.replace(base, weights={"distillation": 1.0})
    assert dataclasses.replace(base, weights={"distillation": 1.0}, teachers=(TeacherConfig(name="a"),)).teachers
