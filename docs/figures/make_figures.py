"""Make the figures of README and docs/ again, from the recordings in samples/ and the models that ship.

    python docs/figures/make_figures.py [NAME...]

Pictures are what the commands write, terminals what the commands print into a pseudo-terminal. It needs
``pip install '.[plot,review]'``, Chromium for the page, and a POSIX system for the pseudo-terminal.
"""

from __future__ import annotations

import io
import os
import pty
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import soundfile
from PIL import Image
from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

import swishcli
from swishcli.audio import Samples
from swishcli.cli.live_screen import LiveScreen
from swishcli.engines import make_engine
from swishcli.live import Listener
from swishcli.pictures.drawing import drawn, save
from swishcli.pictures.palette import looks_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FIGURES = Path(__file__).parent
ROOT = FIGURES.parents[1]
COLUMNS = 88
ANSWERS, STEP = 8, 16
"""Answers that an influence is averaged over, and frames that are replaced at a time."""
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
COLORS = 64
"""Of PNG files: enough for a spectrogram, and a third of the bytes."""

# rich's own template fetches its font from the network.
SVG = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" class="rich-terminal">
<style>
.{unique_id}-matrix {{ font-family: Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: {char_height}px;
line-height: {line_height}px }}
{styles}
</style>
<defs><clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/></clipPath>{lines}</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def main(names: list[str]) -> None:
    figures: dict[str, Callable[[Path], None]] = {
        "segment.png": segment_picture,
        "evaluation.png": evaluation_picture,
        "terminal-segment.svg": lambda path: terminal(path, "segment", "samples/programme.flac"),
        "terminal-classify.svg": lambda path: terminal(path, "classify", "samples"),
        "terminal-listen.svg": listen_terminal,
        "review.png": review_page,
        "network.png": network_figure,
    }
    for name, make in figures.items():
        if not names or name in names:
            make(FIGURES / name)
            print(f"{name}: {(FIGURES / name).stat().st_size / 1000:.0f} kB")


# What commands draw


def segment_picture(path: Path) -> None:
    """A minute of radio with its reference."""
    swish("segment", "samples/programme.flac", "--plot", path, "--reference", "samples/programme.tsv")
    shrink(path)


def evaluation_picture(path: Path) -> None:
    """The default model on the samples that have references."""
    swish("evaluate", "samples", "--model", "slim", "--plot", path)


def review_page(path: Path) -> None:
    """The page of a minute of radio in a browser."""
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        sys.exit(f"review.png needs one of {', '.join(BROWSERS)}")
    with tempfile.TemporaryDirectory() as folder:
        swish("review", "samples/programme.flac", "-o", folder)
        (page,) = Path(folder, "pages").glob("*.html")
        options = ["--headless", "--no-sandbox", "--hide-scrollbars", "--virtual-time-budget=8000"]
        command = [browser, *options, "--window-size=1280,560", f"--screenshot={path}", page.as_uri()]
        subprocess.run(command, check=True, capture_output=True)
    shrink(path)


def swish(*arguments: str | Path) -> None:
    command = [sys.executable, "-m", "swishcli", *map(str, arguments)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)


def shrink(path: Path) -> None:
    """A palette in place of true colour."""
    Image.open(path).convert("RGB").quantize(COLORS).save(path, optimize=True)


# What terminals show


def terminal(path: Path, *arguments: str) -> None:
    """What a command prints on a terminal."""
    ours, theirs = pty.openpty()
    environment = {
        **os.environ,
        "COLUMNS": str(COLUMNS),
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
    }
    command = [sys.executable, "-m", "swishcli", *arguments]
    subprocess.run(command, cwd=ROOT, stdout=theirs, stderr=subprocess.DEVNULL, env=environment, check=True)
    os.close(theirs)
    printed = read_all(ours).decode().replace("\r\n", "\n")
    console = recorder()
    console.print(f"[dim]$[/dim] [bold]swish {' '.join(arguments)}[/bold]")
    console.print(Text.from_ansi(printed))
    export(console, path)


def read_all(descriptor: int) -> bytes:
    parts = []
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        try:
            while part := file.read(1 << 16):
                parts.append(part)
        except OSError:  # how Linux says that the other side is closed
            pass
    return b"".join(parts)


def listen_terminal(path: Path) -> None:
    """What ``swish listen`` shows after 48 s of the programme."""
    model = swishcli.load("live")
    sound, rate = soundfile.read(ROOT / "samples" / "programme.flac", dtype="float32")
    answered = threading.Semaphore(1)

    def blocks() -> Iterator[Samples]:
        """Each when the one before it has been answered, as sound comes that is still being made."""
        for start in range(0, 48 * rate, rate // 20):
            answered.acquire()
            yield sound[start : start + rate // 20]

    listener = Listener(model, blocks(), rate)
    position_s = model.checkpoint.position_samples / model.checkpoint.front_end.sample_rate
    console = recorder()
    shown = LiveScreen(
        Console(file=io.StringIO(), width=COLUMNS, color_system="truecolor", force_terminal=True),
        model.classes,
        model.smoothing.silence_dbfs,
        position_s,
        "USB microphone",
        listener.latency_s,
    )
    console.print("[dim]$[/dim] [bold]swish listen[/bold]")
    for heard in listener:
        if len(heard.block):
            answered.release()
            shown.show(heard)
            for segment in heard.segments:
                console.print(shown.line_of(segment))
    for line in shown.lines():
        console.print(line, no_wrap=True)
    export(console, path)


def recorder() -> Console:
    return Console(
        file=io.StringIO(),
        record=True,
        width=COLUMNS,
        color_system="truecolor",
        force_terminal=True,
        highlight=False,
    )


def export(console: Console, path: Path) -> None:
    svg = console.export_svg(title="", theme=MONOKAI, code_format=SVG, unique_id=path.stem)
    path.write_text(svg, encoding="utf-8")


# What the network sees


def network_figure(path: Path) -> None:
    """The time scales of the default network, and how much sound at other times changes an answer."""
    slim = swishcli.load("slim").checkpoint

    def draw(figure: Figure) -> None:
        grids, influences = figure.subplots(2, 1, height_ratios=[1.6, 1])
        draw_grids(grids, slim.network.grids, slim.front_end.hop_s)
        for name, label, color in (
            ("slim", "slim: centred", looks_of(["speech"])["speech"].color),
            ("live", "live: causal, with a fixed delay", looks_of(["music"])["music"].color),
        ):
            influences.plot(*influence(name), label=label, color=color)
        influences.set(
            yscale="log",
            ylim=(1e-3, 1.5),
            xlim=(-8, 8),
            xlabel="seconds from the moment that is asked about",
            ylabel="change of the answer",
        )
        influences.set_yticks([1e-3, 1e-2, 1e-1, 1], ["0.1%", "1%", "10%", "100%"])
        influences.minorticks_off()
        influences.axvline(0, color="#808080", linewidth=0.6)
        influences.legend(loc="upper right", frameon=False)

    save(drawn(draw, 9.0, 5.2), path)
    shrink(path)


def draw_grids(axes: Axes, grids: tuple[int, ...], hop_s: float) -> None:
    """A row for each stage, a box for each position."""
    span_s = 10.24
    for row, grid in enumerate(grids):
        width = grid * hop_s
        boxes = [(i * width, width) for i in range(int(span_s / width + 0.5))]
        color = "#0072b2" if row % 2 else "#56b4e9"
        axes.broken_barh(boxes, (row - 0.4, 0.8), facecolor=color, edgecolor="white", linewidth=0.4)
    names = ["stem", *(f"stage {i}" for i in range(1, len(grids)))]
    labels = [f"{name}: {grid * hop_s:g} s" for name, grid in zip(names, grids, strict=True)]
    axes.set_yticks(range(len(grids)), labels)
    axes.invert_yaxis()
    axes.set(
        xlim=(0, span_s), xlabel="seconds; each box is one position, and all of them vote on every answer"
    )


def influence(name: str) -> tuple[Any, Any]:
    """Seconds, and how much the logits of an answer change when the frames there are replaced by others.

    The mean over some answers, as a share of the change by the most important frames.
    """
    checkpoint = swishcli.load(name).checkpoint
    network, engine = checkpoint.network, make_engine(checkpoint, "cpu", 1)
    generator = np.random.default_rng(0)
    sound = recorded_features(name)
    middle = sound.shape[1] // 2 // network.total_stride * network.total_stride
    answered = (middle + np.linspace(-600, 600, ANSWERS)).astype(int) // network.output_stride
    before = engine(sound[None]).logits[0]
    offsets = np.arange(-800, 801, STEP)
    changes = np.zeros(len(offsets))
    for i, offset in enumerate(offsets):
        changed = np.repeat(sound[None], ANSWERS, axis=0)
        for row, position in zip(changed, answered, strict=True):
            first = position * network.output_stride + offset
            other = generator.integers(0, sound.shape[1] - STEP)
            row[:, first : first + STEP] = sound[:, other : other + STEP]
        after = engine(changed).logits
        changes[i] = np.mean([np.abs(after[n, :, p] - before[:, p]).mean() for n, p in enumerate(answered)])
    relative = changes / changes.max()
    return (offsets + STEP / 2) * checkpoint.front_end.hop_s, np.where(relative > 0, relative, np.nan)


def recorded_features(name: str) -> np.ndarray:
    """MFCC ``[F, T]`` of the programme."""
    from swishcli.features import mfcc

    sound, _ = soundfile.read(ROOT / "samples" / "programme.flac", dtype="float32")
    features = mfcc(sound, swishcli.load(name).checkpoint.front_end)
    return np.ascontiguousarray(features.T[:, :3072])


if __name__ == "__main__":
    main(sys.argv[1:])
