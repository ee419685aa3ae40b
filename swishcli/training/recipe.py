"""Recipes: everything that determines a training run, its data apart, and how a file says it."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from swishcli.architecture import SIZES, NetworkConfig
from swishcli.errors import DataError, display_path
from swishcli.features import FrontEndConfig
from swishcli.smoothing import SmoothingConfig
from swishcli.training.crops import MixingConfig
from swishcli.training.loop import TrainingConfig
from swishcli.training.teachers import DistillationConfig

_KIND_WORDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    tuple: "a list",
    Mapping: "a table",
}


@dataclass(frozen=True)
class Recipe:
    """Everything that determines a training run, its data apart."""

    front_end: FrontEndConfig = field(default_factory=FrontEndConfig)
    network: NetworkConfig = field(default_factory=NetworkConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    mixing: MixingConfig = field(default_factory=MixingConfig)
    distillation: DistillationConfig = field(default_factory=DistillationConfig)
    smoothing: SmoothingConfig = field(default_factory=SmoothingConfig)

    def overridden(self, tables: Mapping[str, Mapping[str, Any]], name: str) -> Recipe:
        """The recipe with the values of `tables`, one table per part; `name` is theirs, for errors.

        Raises DataError for a part, an option or a value that there is not.
        """
        parts: dict[str, Any] = {}
        for table, values in tables.items():
            if table not in self.__dataclass_fields__ or not isinstance(values, Mapping):
                raise DataError(
                    f"{name}: has no table [{table}], only {', '.join(self.__dataclass_fields__)}"
                )
            part = getattr(self, table)
            unknown = [option for option in values if option not in part.__dataclass_fields__]
            if unknown:
                raise DataError(f"{name}: [{table}] has no option {unknown[0]!r}")
            kinds = get_type_hints(type(part))
            try:
                parts[table] = replace(part, **{k: _typed(k, v, kinds[k]) for k, v in values.items()})
            except ValueError as error:
                raise DataError(f"{name}: [{table}]: {error}") from None
        return replace(self, **parts)


def _typed(option: str, value: Any, kind: Any) -> Any:
    """A value from TOML as the type that its option is annotated with. Raises ValueError with a sentence.

    >>> _typed("crop_s", [1, 2.5], tuple[float, ...])
    (1.0, 2.5)
    """
    origin, parameters = get_origin(kind), get_args(kind)
    if origin is tuple and isinstance(value, list):
        return tuple(_typed(option, element, parameters[0]) for element in value)
    if origin is Mapping and isinstance(value, dict):
        return {k: _typed(f"{option}.{k}", v, parameters[1]) for k, v in value.items()}
    if kind is float and type(value) in (int, float) and abs(value) <= sys.float_info.max:
        return float(value)
    if kind in (int, bool) and type(value) is kind:
        return value
    raise ValueError(f"{option} must be {_KIND_WORDS[origin or kind]}, not {_as_toml(value)}")


def _as_toml(value: Any) -> str:
    """A value in the words of the file it stands in, as far as a sentence has room for it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "a table"
    return "a list" if isinstance(value, list) else repr(value)


def read_config(path: Path) -> dict[str, dict[str, Any]]:
    """The tables of a configuration file in TOML. Raises DataError."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeError, tomllib.TOMLDecodeError) as error:
        raise DataError(f"{display_path(path)}: cannot be read as TOML: {error}") from None


def network_of_size(name: str) -> NetworkConfig:
    """The network of a named size. Raises DataError."""
    if name not in SIZES:
        raise DataError(f"the size {name!r} is none of {', '.join(SIZES)}")
    return NetworkConfig(**asdict(SIZES[name]))
