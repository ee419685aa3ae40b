"""Names of recordings and classes are anybody's: no file breaks by them, and no terminal obeys them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import soundfile
from conftest import command, tone
from hypothesis import given, settings
from hypothesis import strategies as st

from swishcli.errors import display_path
from swishcli.files import write_text_atomically
from swishcli.formats import FORMATS
from swishcli.segments import SILENCE, Segment, Segmentation

# Signs that mean something to some reader, white space of all kinds, and what terminals obey.
SIGNS = (
    "ab é\"'`\t\r\n\v\f,;:\\#|/&<>=-[]{}%*$()!?~^\x00\x07\x08\x1b\x1c\x7f\x85\x9b\xa0\u2028\u202e\u3000\ufeff"
)
names = st.text(SIGNS, min_size=1, max_size=8)


@st.composite
def hostile(draw: st.DrawFn) -> Segmentation:
    """Segments whose labels and recording are called anything."""
    edges, segments = [0.0], []
    for length in draw(st.lists(st.integers(1, 5000), min_size=1, max_size=5)):
        edges.append(round(edges[-1] + length / 1000, 3))
        segments.append(Segment(edges[-2], edges[-1], draw(names.filter(lambda name: name != SILENCE)), 0.5))
    return Segmentation(edges[-1], tuple(segments), f"a/{draw(names)}.wav")


Spans = list[tuple[float, float]]


def rounded(pairs: Any) -> Spans:
    return [(round(float(start), 3), round(float(end), 3)) for start, end in pairs]


def rttm(path: Path) -> Spans:
    util = pytest.importorskip("pyannote.database.util")
    (annotation,) = util.load_rttm(path).values()
    return rounded((s.start, s.end) for s in annotation.itersegments())


def textgrid_of_praatio(path: Path) -> Spans:
    praatio = pytest.importorskip("praatio.textgrid")
    grid = praatio.openTextgrid(str(path), includeEmptyIntervals=True, reportingMode="error")
    return rounded(entry[:2] for entry in grid.getTier("swish").entries)


def textgrid(path: Path) -> Spans:
    library = pytest.importorskip("textgrid")
    return rounded((i.minTime, i.maxTime) for i in library.TextGrid.fromFile(str(path))[0])


def subtitles(path: Path) -> Spans:
    pysubs2 = pytest.importorskip("pysubs2")
    return rounded((line.start / 1000, line.end / 1000) for line in pysubs2.load(str(path)))


def elan(path: Path) -> Spans:
    pympi = pytest.importorskip("pympi")
    found = pympi.Elan.Eaf(str(path)).get_annotation_data_for_tier("swish")
    return rounded((start / 1000, end / 1000) for start, end, *_ in sorted(found))


def csv(path: Path) -> Spans:
    table = pytest.importorskip("pandas").read_csv(path)
    return rounded(zip(table["start"], table["end"], strict=True))


def tsv(path: Path) -> Spans:
    table = pytest.importorskip("pandas").read_csv(path, sep="\t", quoting=3)
    return rounded(zip(table["start_s"], table["end_s"], strict=True))


def json(path: Path) -> Spans:
    table = pytest.importorskip("pandas").read_json(path, lines=True)
    return rounded((s["start"], s["end"]) for s in table["segments"][0])


def audacity(path: Path) -> Spans:
    mir_eval = pytest.importorskip("mir_eval")
    return rounded(mir_eval.io.load_labeled_intervals(str(path), delimiter="\t")[0])


READERS: list[tuple[str, Callable[[Path], Spans]]] = [
    ("json", json),
    ("csv", csv),
    ("tsv", tsv),
    ("rttm", rttm),
    ("textgrid", textgrid_of_praatio),
    ("textgrid", textgrid),
    ("srt", subtitles),
    ("vtt", subtitles),
    ("elan", elan),
    ("audacity", audacity),
]


@settings(max_examples=40)  # writes files, each down to the disk
@pytest.mark.filterwarnings("ignore")  # of libraries about labels that look like nothing
@pytest.mark.parametrize(("name", "read"), READERS, ids=[f"{name}-{read.__name__}" for name, read in READERS])
@given(segmentation=hostile())
def test_independent_readers_find_every_segment(
    tmp_path_factory: pytest.TempPathFactory,
    name: str,
    read: Callable[[Path], Spans],
    segmentation: Segmentation,
) -> None:
    path = tmp_path_factory.getbasetemp() / f"hostile{FORMATS[name].extension}"
    if name == "audacity":  # mir_eval wants labels to be more than white space
        segmentation = replace(
            segmentation, segments=tuple(replace(s, label=f"x{s.label}") for s in segmentation)
        )
    write_text_atomically(path, FORMATS[name].render(segmentation))
    assert read(path) == [(s.start, s.end) for s in segmentation]


@given(names)
def test_a_shown_name_is_one_line_that_moves_no_cursor(name: str) -> None:
    assert not re.search("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]", display_path(name))


HOSTILE = "\x1b]0;owned\x07\x1b[2J\x1b[31m\x9b5A\r\n[bold]\u202evaw.wav"
OBEYED = re.compile("\x1b\\]|\x1b\\[2J|\x07|\x9b|\u202e")


def on_terminal(*arguments: str | Path, cwd: Path) -> str:
    """What a command writes to a terminal that is both its outputs."""
    import pty

    ours, its = pty.openpty()
    with subprocess.Popen(
        command(*arguments),
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=its,
        stderr=its,
        env={**os.environ, "TERM": "xterm"},
    ) as process:
        os.close(its)
        written = b""
        try:
            while part := os.read(ours, 1 << 16):
                written += part
        except OSError:  # the other side is closed
            pass
    os.close(ours)
    assert process.returncode in (0, 1)
    return written.decode("utf-8")


@pytest.fixture(scope="module")
def hostile_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording, one that is broken, labels and a list, all of one terrible name."""
    if sys.platform != "linux":
        pytest.skip("names of any bytes are Linux's")
    folder = tmp_path_factory.mktemp("hostile")
    soundfile.write(folder / HOSTILE, tone(16_000, 3.0), 16_000)
    (folder / f"broken{HOSTILE}").write_bytes(b"RIFF")
    label = Segment(0.0, 3.0, f"speech{HOSTILE}")
    (folder / f"{HOSTILE}.json").write_text(FORMATS["json"].render(Segmentation(3.0, (label,), HOSTILE)))
    (folder / "list").write_bytes(f"{HOSTILE}\0no{HOSTILE}\0".encode())
    return folder


@pytest.mark.parametrize(
    "arguments",
    [
        "classify . --from-file list",
        "classify . --csv",
        "classify . --json",
        "segment . --from-file list",
        "segment . --csv",
        "segment {} -f csv",
        "segment {} -f rttm",
        "convert {}.json --to elan",
        "segment . -o out -f json,csv --extract speech",
        "convert {}.json --to csv",
        "convert {}.json --to textgrid",
        "evaluate {}.json {}.json",
        "evaluate {}.json {}.json --csv",
        "evaluate {}.json {}.json --markdown",
        "info {}",
    ],
)
def test_no_name_reaches_a_terminal_as_more_than_text(
    arguments: str, hostile_folder: Path, tiny_model: Path
) -> None:
    words = [word.replace("{}", HOSTILE) for word in arguments.split()]
    model = ["-m", tiny_model] if words[0] in ("classify", "segment") else []
    written = on_terminal(*words, *model, cwd=hostile_folder)
    assert "owned" in written  # it is shown
    assert not OBEYED.search(written), ascii(written)
