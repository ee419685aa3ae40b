"""Whatever damage does to a recording of whatever container, it is read or refused in a sentence."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from swishcli.audio import AudioStream
from swishcli.errors import AudioError

N_FILES = 300


@pytest.fixture(scope="module")
def fuzz() -> ModuleType:
    """The benchmark, which does the same with more files and whole batches."""
    path = Path(__file__).parents[1] / "benchmarks/fuzz.py"
    if not path.exists():
        pytest.skip("benchmarks/ is not here")
    spec = importlib.util.spec_from_file_location("fuzz", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["fuzz"] = module
    spec.loader.exec_module(module)
    return module


def test_no_damage_is_more_than_a_sentence(
    fuzz: ModuleType, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    originals = fuzz.write_originals(tmp_path)
    assert len(originals) > 12
    assert all(sum(block.shape[1] for block in AudioStream(path, 16000)) > 2.8 * 16000 for path in originals)
    mutants = tmp_path / "mutants"
    mutants.mkdir()
    fuzz.write_mutants(mutants, originals, N_FILES, np.random.default_rng(0))
    sentences = []
    for path in sorted(mutants.iterdir()):
        try:
            assert all(np.isfinite(block).all() for block in AudioStream(path, 16000))
        except AudioError as error:
            sentences.append((path, str(error)))
    assert N_FILES // 10 < len(sentences) < 9 * N_FILES // 10
    assert all(said.startswith(f"{path}: ") and "\n" not in said for path, said in sentences)
    assert "Traceback" not in capfd.readouterr().err
