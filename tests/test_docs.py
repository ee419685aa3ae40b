"""What the pages in docs/ show runs, and leads where it says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import swishcli

DOCS = Path(__file__).parents[1] / "docs"
PAGES = sorted(DOCS.glob("*.md"))


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(encoding="utf-8"), re.M | re.S)


@pytest.fixture
def checkout(tmp_path: Path, samples: Path) -> Path:
    """A folder with the samples in it, where examples may write."""
    (tmp_path / "samples").mkdir()
    for file in samples.iterdir():
        (tmp_path / "samples" / file.name).symlink_to(file)
    return tmp_path


@pytest.mark.skipif(sys.platform == "win32", reason="the examples are for a shell")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_run(page: Path, checkout: Path) -> None:
    program = f'swish() {{ {sys.executable} -m swishcli "$@"; }}\nset -e\n'
    for script in blocks(page, "sh"):
        done = subprocess.run(
            ["sh", "-c", program + script], cwd=checkout, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{script}\n{done.stderr}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_python_runs(page: Path, checkout: Path) -> None:
    for script in blocks(page, "python"):
        done = subprocess.run(
            [sys.executable, "-c", script], cwd=checkout, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{script}\n{done.stderr}"


def test_every_page_is_in_the_contents_and_no_link_is_broken() -> None:
    contents = (DOCS.parent / "mkdocs.yml").read_text(encoding="utf-8")
    for page in PAGES:
        assert f": {page.name}\n" in contents
        for target in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
            assert target.startswith("https://") or (DOCS / target).exists(), target


def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    pytest.importorskip("mkdocstrings")
    line = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-d", str(tmp_path)]
    done = subprocess.run(line, cwd=DOCS.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    api = (tmp_path / "api" / "index.html").read_text(encoding="utf-8")
    missing = [name for name in swishcli.__all__ if not re.search(rf'id="swishcli\.[\w.]*\b{name}"', api)]
    assert missing == []
    assert "&gt;&gt;&gt;" not in re.sub(r"<pre.*?</pre>", "", api, flags=re.S)  # examples are code


def test_every_figure_is_shown_and_made_by_the_script() -> None:
    figures = DOCS / "figures"
    script = (figures / "make_figures.py").read_text(encoding="utf-8")
    shown = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    for file in figures.iterdir():
        if file.suffix in (".png", ".svg"):
            assert f'"{file.name}": ' in script
            assert f"](figures/{file.name})" in shown
            assert file.stat().st_size < 250_000
