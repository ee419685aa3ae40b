"""An installed swish works away from the checkout, and without what only training needs."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from swishcli.evaluation.metrics import accuracy
from swishcli.evaluation.scoring import frame_confusion
from swishcli.formats import read_segments
from swishcli.segments import Segment, Segmentation

ROOT = Path(__file__).parents[1]


def run(*command: str | Path, cwd: Path) -> str:
    clean = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=clean, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the programs of a fresh environment with swish from a built wheel."""
    folder = tmp_path_factory.mktemp("installed")
    built = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", folder, ROOT],
        capture_output=True,
        text=True,
        check=False,
    )
    if built.returncode:
        pytest.skip(
            f"no wheel can be built here, its build backend comes from PyPI: {built.stderr.strip()[-200:]}"
        )
    venv.create(folder / "venv", with_pip=True)
    programs = folder / "venv" / ("Scripts" if os.name == "nt" else "bin")
    (wheel,) = folder.glob("*.whl")
    run(programs / "python", "-m", "pip", "install", "--quiet", wheel, cwd=folder)
    return programs


def test_a_wheel_brings_its_models_and_segments_a_programme(installed: Path, tmp_path: Path) -> None:
    text = run(installed / "swish", "segment", ROOT / "samples/programme.flac", cwd=tmp_path)
    segments = [
        Segment(float(start), float(end), label, float(confidence))
        for _, start, end, label, confidence in (line.split("\t") for line in text.splitlines()[1:])
    ]
    reference = read_segments(ROOT / "samples/programme.tsv")
    found = Segmentation(reference.duration, tuple(segments))
    for segment in reference.segments:
        assert found.label_at((segment.start + segment.end) / 2) == segment.label
    assert accuracy(frame_confusion(reference, found, ("speech", "music", "noise"))) > 0.96


def test_an_installed_swish_needs_no_torch(installed: Path, tmp_path: Path) -> None:
    found = run(
        installed / "python", "-c", "import importlib.util as u; print(u.find_spec('torch'))", cwd=tmp_path
    )
    assert found.strip() == "None"
    answer = run(installed / "swish", "classify", ROOT / "samples/music.flac", cwd=tmp_path)
    assert "\tmusic\t" in answer


def test_training_without_torch_says_what_to_install(installed: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [str(installed / "swish"), "train", str(ROOT / "samples/labels.tsv"), "-o", "model.safetensors"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == "swish: training needs PyTorch: pip install 'swishcli[train]'\n"


def test_an_installed_swish_brings_all_that_review_pages_are_made_of(installed: Path, tmp_path: Path) -> None:
    run(installed / "python", "-m", "pip", "install", "--quiet", "jinja2>=3.1", cwd=tmp_path)
    page = run(installed / "swish", "review", ROOT / "samples/phone.wav", cwd=tmp_path).strip()
    text = (tmp_path / page).read_text(encoding="utf-8")
    assert "WaveSurfer" in text
    assert 'id="sound"' in text
