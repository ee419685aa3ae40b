"""What a terminal shows: as wide as it is, readable without colour, and nothing of it in a pipe."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import command
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from swishcli.cli.timeline import bar, timeline
from swishcli.pictures.palette import looks_of
from swishcli.segments import Segment, Segmentation, tile

LABELS = ("speech", "music", "noise", "silence")


def terminal(width: int, encoding: str = "utf-8", color: str | None = "truecolor") -> Console:
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding, write_through=True)
    return Console(file=file, width=width, force_terminal=True, color_system=color, highlight=False)  # type: ignore[arg-type]


def segmentation(*lengths: float) -> Segmentation:
    segments, position = [], 0.0
    for i, length in enumerate(lengths):
        segments.append(Segment(position, position + length, LABELS[i % 4]))
        position += length
    return Segmentation(position, tuple(segments))


@given(st.lists(st.floats(0.01, 20_000), min_size=1, max_size=9), st.integers(1, 250))
def test_a_timeline_is_as_wide_as_the_terminal_and_no_wider(lengths: list[float], width: int) -> None:
    found = segmentation(*lengths)
    lines = timeline(found, LABELS, terminal(width))
    assert all(cell_len(line.plain) <= width for line in lines)
    if width >= 40:
        *lanes, times = lines
        assert [cell_len(lane.plain) for lane in lanes] == [width] * len(lanes)
        assert [lane.plain.split()[0] for lane in lanes] == [name for name in LABELS if name in found.labels]
        assert times.plain.strip().startswith("0:00:00")


def test_the_lanes_alone_tell_what_is_where() -> None:
    speech, music, noise, times = timeline(segmentation(20, 30, 10), LABELS, terminal(67))
    assert speech.plain == "speech " + "█" * 20 + " " * 40
    assert music.plain == "music  " + " " * 20 + "█" * 30 + " " * 10
    assert noise.plain == "noise  " + " " * 50 + "█" * 10
    assert times.plain == "       0:00:00        0:00:15        0:00:30        0:00:45"


def test_height_is_the_share_of_what_changes_within_a_cell() -> None:
    stretches = ((i * 4.0, i * 4.0 + 1, "speech") for i in range(80))
    found = Segmentation(320.0, tile(320.0, stretches, "music"))
    speech, music, _ = timeline(found, LABELS, terminal(27))
    assert speech.plain == "speech " + "▂" * 20
    assert music.plain == "music  " + "▆" * 20


@pytest.mark.parametrize("width", [1, 5, 15])
def test_a_terminal_without_room_gets_no_timeline(width: int) -> None:
    assert timeline(segmentation(1, 2), LABELS, terminal(width)) == []


def test_a_terminal_without_blocks_gets_ascii() -> None:
    console = terminal(60, "ascii")
    assert all(line.plain.isascii() for line in timeline(segmentation(1, 2, 1, 2), LABELS, console))
    assert bar(0.5, 10, looks_of(LABELS)["music"], console).plain == "#####     "


def test_a_terminal_of_sixteen_colours_gets_those_that_it_has() -> None:
    speech, *_ = timeline(segmentation(1, 2), LABELS, terminal(60, color="standard"))
    assert [span.style for span in speech.spans] == ["bright_blue"]


@given(st.floats(0, 1), st.integers(1, 20))
def test_a_bar_is_as_long_as_its_share(share: float, cells: int) -> None:
    drawn = bar(share, cells, looks_of(LABELS)["speech"], terminal(80)).plain
    assert len(drawn) == cells
    if cells > 1:
        assert drawn.count("█") == pytest.approx(share * cells, abs=1)
    assert (drawn.strip() == "") == (share <= 1e-6)


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
@pytest.mark.parametrize("columns", [60, 80, 200])
def test_a_terminal_is_filled_and_a_pipe_gets_none_of_it(
    columns: int, tiny_model: Path, samples: Path
) -> None:
    import pty

    arguments = command("segment", samples / "phone.wav", "--model", tiny_model)
    ours, theirs = pty.openpty()
    environment = {**os.environ, "COLUMNS": str(columns), "NO_COLOR": "1", "TERM": "xterm-256color"}
    subprocess.run(
        arguments, stdout=theirs, stderr=subprocess.DEVNULL, env=environment, check=True, timeout=60
    )
    os.close(theirs)
    shown = os.read(ours, 1 << 16).decode()
    os.close(ours)
    assert max(
        cell_len(line) for line in shown.replace("\x1b[1m", "").replace("\x1b[0m", "").splitlines()
    ) == (columns)
    assert "█" in shown
    assert "\x1b[3" not in shown  # no colour
    piped = subprocess.run(arguments, capture_output=True, check=True, timeout=60).stdout.decode()
    assert "█" not in piped
    assert "\x1b" not in piped
