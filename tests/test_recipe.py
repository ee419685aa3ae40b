"""Recipes say what is wrong with them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from training_data import manifest_of

from swishcli.architecture import NetworkConfig
from swishcli.errors import DataError
from swishcli.training.crops import MixingConfig
from swishcli.training.loop import TrainingConfig
from swishcli.training.recipe import Recipe, network_of_size, read_config


@pytest.mark.parametrize(
    ("part", "nonsense"),
    [
        (TrainingConfig, {"epochs": 0}),
        (TrainingConfig, {"patience": 0}),
        (TrainingConfig, {"crop_s": ()}),
        (TrainingConfig, {"crop_s": (0.0, 1.0)}),
        (TrainingConfig, {"batch_s": 4.0, "crop_s": (8.0,)}),
        (TrainingConfig, {"batch_s": 1.0, "crop_s": (1.0,)}),
        (TrainingConfig, {"seed": -1}),
        (TrainingConfig, {"seed": 2**32}),
        (TrainingConfig, {"learning_rate": -0.1}),
        (TrainingConfig, {"label_smoothing": 1.0}),
        (MixingConfig, {"speed": 1.1}),
        (MixingConfig, {"codec": -0.1}),
        (MixingConfig, {"synthetic": 0.6, "babble": 0.5}),
        (MixingConfig, {"kind_weights": {"music": {"solo": 0.0}}}),
        (MixingConfig, {"kind_weights": {"music": {"(": 2.0}}}),
    ],
    ids=str,
)
def test_a_configuration_that_makes_no_sense_is_refused(part: type, nonsense: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"needs|must|between|no regular expression"):
        part(**nonsense)


def test_a_recipe_takes_the_options_of_a_file(tmp_path: Path) -> None:
    path = manifest_of(
        tmp_path, "[training]\ncrop_s = [1, 2]\n[mixing.kind_weights.music]\nsolo = 2\n", "recipe.toml"
    )
    recipe = Recipe().overridden(read_config(path), "recipe.toml")
    assert recipe.training == replace(TrainingConfig(), crop_s=(1, 2))
    assert recipe.mixing.kind_weights == {"music": {"solo": 2}}
    assert recipe.network == NetworkConfig()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[trainning]\nepochs = 1", r"has no table \[trainning\]"),
        ("epochs = 1", r"has no table \[epochs\]"),
        ("[training]\nepoch = 1", r"\[training\] has no option 'epoch'"),
        ("[training]\nepochs = 0", r"\[training\]: training needs at least one epoch"),
        ("[training]\nepochs = 'many'", r"\[training\]: epochs must be a whole number, not 'many'"),
        ("[training]\nepochs = 2.5", r"\[training\]: epochs must be a whole number, not 2.5"),
        ("[training]\nepochs = true", r"\[training\]: epochs must be a whole number, not true"),
        ("[training]\nseed = 'x'", r"\[training\]: seed must be a whole number, not 'x'"),
        ("[training]\ncrop_s = ['a']", r"\[training\]: crop_s must be a number, not 'a'"),
        ("[training]\nweight_decay = nan", r"\[training\]: weight_decay must be a number, not nan"),
        ("[network]\ncausal = 'no'", r"\[network\]: causal must be true or false, not 'no'"),
        ("[network]\ncausal = 0", r"\[network\]: causal must be true or false, not 0"),
        ("[front_end]\nf_max = '8 kHz'", r"\[front_end\]: f_max must be a number, not '8 kHz'"),
        ("[smoothing]\nmin_duration_s = []", r"\[smoothing\]: min_duration_s must be a number, not a list"),
        ("[distillation]\nweight = true", r"\[distillation\]: weight must be a number, not true"),
        ("[network]\nwidth = 7", r"\[network\]: the width must be even"),
        ("[network]\nstrides = 2", r"\[network\]: strides must be a list, not 2"),
        ("[mixing]\nkind_weights = 3", r"\[mixing\]: kind_weights must be a table, not 3"),
        ("[mixing.kind_weights]\nmusic = 3", r"\[mixing\]: kind_weights.music must be a table, not 3"),
        ("[training", "cannot be read as TOML"),
    ],
)
def test_a_recipe_file_that_cannot_be_used_is_refused_with_its_name(
    tmp_path: Path, text: str, complaint: str
) -> None:
    path = manifest_of(tmp_path, text, "recipe.toml")
    with pytest.raises(DataError, match=complaint) as caught:
        Recipe().overridden(read_config(path), str(path))
    assert str(caught.value).startswith(f"{path}: ")


def test_a_size_is_a_name() -> None:
    assert [network_of_size(name).width for name in ("classic", "slim", "wide", "large")] == [16, 12, 24, 48]
    assert not network_of_size("classic").band_channels
    with pytest.raises(DataError, match="the size 'huge' is none of classic, slim, wide, large, live"):
        network_of_size("huge")
