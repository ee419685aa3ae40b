"""What is written reads back, as exactly as its format can hold it; what is broken is said so."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from swishcli.errors import DataError
from swishcli.files import write_text_atomically
from swishcli.formats import (
    FORMATS,
    read_all_segments,
    read_segments,
    segmentation_from_dict,
    segmentation_to_dict,
)
from swishcli.segments import SILENCE, Segment, Segmentation, merge_adjacent, tile

EXAMPLE = Segmentation(
    4.0,
    (
        Segment(0.0, 1.2, "speech", 0.98),
        Segment(1.2, 1.3, 'white "noise", grün'),
        Segment(1.3, 2.0, SILENCE, 1.0),
        Segment(2.0, 4.0, "music", 0.5),
    ),
    "shows/my show.wav",
)

GOLDEN = {
    "json": (
        '{"path": "shows/my show.wav", "duration": 4.0, "segments": ['
        '{"start": 0.0, "end": 1.2, "label": "speech", "confidence": 0.98}, '
        '{"start": 1.2, "end": 1.3, "label": "white \\"noise\\", gr\\u00fcn", "confidence": null}, '
        '{"start": 1.3, "end": 2.0, "label": "silence", "confidence": 1.0}, '
        '{"start": 2.0, "end": 4.0, "label": "music", "confidence": 0.5}]}\n'
    ),
    "csv": (
        "path,start,end,label,confidence\n"
        "shows/my show.wav,0.000,1.200,speech,0.980\n"
        'shows/my show.wav,1.200,1.300,"white ""noise"", grün",\n'
        "shows/my show.wav,1.300,2.000,silence,1.000\n"
        "shows/my show.wav,2.000,4.000,music,0.500\n"
    ),
    "tsv": (
        "start_s\tend_s\tlabel\n"
        "0.000\t1.200\tspeech\n"
        '1.200\t1.300\twhite "noise", grün\n'
        "1.300\t2.000\tsilence\n"
        "2.000\t4.000\tmusic\n"
    ),
    "rttm": (
        "SPEAKER my_show 1 0.000 1.200 <NA> <NA> speech 0.980 <NA>\n"
        "SPEAKER my_show 1 1.200 0.100 <NA> <NA> white_'noise',_grün <NA> <NA>\n"
        "SPEAKER my_show 1 2.000 2.000 <NA> <NA> music 0.500 <NA>\n"
    ),
    "textgrid": """\
File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0.000
xmax = 4.000
tiers? <exists>
size = 1
item []:
    item [1]:
        class = "IntervalTier"
        name = "swish"
        xmin = 0.000
        xmax = 4.000
        intervals: size = 4
        intervals [1]:
            xmin = 0.000
            xmax = 1.200
            text = "speech"
        intervals [2]:
            xmin = 1.200
            xmax = 1.300
            text = "white ""noise"", grün"
        intervals [3]:
            xmin = 1.300
            xmax = 2.000
            text = "silence"
        intervals [4]:
            xmin = 2.000
            xmax = 4.000
            text = "music"
""",
    "audacity": (  # as in tsv
        "0.000\t1.200\tspeech\n"
        '1.200\t1.300\twhite "noise", grün\n'
        "1.300\t2.000\tsilence\n"
        "2.000\t4.000\tmusic\n"
    ),
    "srt": (
        "1\n00:00:00,000 --> 00:00:01,200\nspeech\n\n"
        '2\n00:00:01,200 --> 00:00:01,300\nwhite "noise", grün\n\n'
        "3\n00:00:02,000 --> 00:00:04,000\nmusic\n"
    ),
    "vtt": (
        "WEBVTT\n\n1\n00:00:00.000 --> 00:00:01.200\nspeech\n\n"
        '2\n00:00:01.200 --> 00:00:01.300\nwhite "noise", grün\n\n'
        "3\n00:00:02.000 --> 00:00:04.000\nmusic\n"
    ),
    "elan": """\
<?xml version="1.0" encoding="UTF-8"?>
<ANNOTATION_DOCUMENT xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" AUTHOR="" DATE="1970-01-01T00:00:00Z" \
FORMAT="3.0" VERSION="3.0" xsi:noNamespaceSchemaLocation="http://www.mpi.nl/tools/elan/EAFv3.0.xsd">
  <HEADER MEDIA_FILE="" TIME_UNITS="milliseconds" />
  <TIME_ORDER>
    <TIME_SLOT TIME_SLOT_ID="ts1" TIME_VALUE="0" />
    <TIME_SLOT TIME_SLOT_ID="ts2" TIME_VALUE="1200" />
    <TIME_SLOT TIME_SLOT_ID="ts3" TIME_VALUE="1200" />
    <TIME_SLOT TIME_SLOT_ID="ts4" TIME_VALUE="1300" />
    <TIME_SLOT TIME_SLOT_ID="ts5" TIME_VALUE="1300" />
    <TIME_SLOT TIME_SLOT_ID="ts6" TIME_VALUE="2000" />
    <TIME_SLOT TIME_SLOT_ID="ts7" TIME_VALUE="2000" />
    <TIME_SLOT TIME_SLOT_ID="ts8" TIME_VALUE="4000" />
  </TIME_ORDER>
  <TIER LINGUISTIC_TYPE_REF="default-lt" TIER_ID="swish">
    <ANNOTATION>
      <ALIGNABLE_ANNOTATION ANNOTATION_ID="a1" TIME_SLOT_REF1="ts1" TIME_SLOT_REF2="ts2">
        <ANNOTATION_VALUE>speech</ANNOTATION_VALUE>
      </ALIGNABLE_ANNOTATION>
    </ANNOTATION>
    <ANNOTATION>
      <ALIGNABLE_ANNOTATION ANNOTATION_ID="a2" TIME_SLOT_REF1="ts3" TIME_SLOT_REF2="ts4">
        <ANNOTATION_VALUE>white "noise", grün</ANNOTATION_VALUE>
      </ALIGNABLE_ANNOTATION>
    </ANNOTATION>
    <ANNOTATION>
      <ALIGNABLE_ANNOTATION ANNOTATION_ID="a3" TIME_SLOT_REF1="ts5" TIME_SLOT_REF2="ts6">
        <ANNOTATION_VALUE>silence</ANNOTATION_VALUE>
      </ALIGNABLE_ANNOTATION>
    </ANNOTATION>
    <ANNOTATION>
      <ALIGNABLE_ANNOTATION ANNOTATION_ID="a4" TIME_SLOT_REF1="ts7" TIME_SLOT_REF2="ts8">
        <ANNOTATION_VALUE>music</ANNOTATION_VALUE>
      </ALIGNABLE_ANNOTATION>
    </ANNOTATION>
  </TIER>
  <LINGUISTIC_TYPE GRAPHIC_REFERENCES="false" LINGUISTIC_TYPE_ID="default-lt" TIME_ALIGNABLE="true" />
</ANNOTATION_DOCUMENT>
""",
}


def spans(segmentation: Segmentation) -> list[tuple[float, float, str]]:
    return [(s.start, s.end, s.label) for s in segmentation.segments]


def write(folder: Path, name: str, segmentation: Segmentation) -> Path:
    path = folder / f"recording{FORMATS[name].extension}"
    write_text_atomically(path, FORMATS[name].render(segmentation))
    return path


def refusal(read: Callable[[], object], error_type: type[Exception]) -> str | None:
    """What `read` says where it raises `error_type`; any other error fails the test."""
    try:
        read()
    except error_type as error:
        return str(error)
    return None


# Any text at all, undecodable bytes of file names (lone low surrogates) included.
characters = st.characters(exclude_categories=["Cs"]) | st.characters(
    min_codepoint=0xDC80, max_codepoint=0xDCFF
)
labels = st.one_of(
    st.sampled_from(
        [SILENCE, "speech", "a b", "a,b", '"', '""', "\t", "\r", "\n", "\r\n", "\\", " ä ", "\0"]
    ),
    st.text(characters, min_size=1),
    st.text(st.sampled_from('ab "\t\r\n,;\\\u2028\x85\x1c')),
)


@st.composite
def segmentations(draw: st.DrawFn, lengths: st.SearchStrategy[float] | None = None) -> Segmentation:
    """Of recordings, parts and channels of them; by default boundaries lie on milliseconds."""
    if lengths is None:
        steps = draw(st.lists(st.integers(1, 1_000_000), max_size=9))
        edges = [total / 1000 for total in np.cumsum(steps).tolist()]
    else:
        edges = np.cumsum(draw(st.lists(lengths, max_size=9)), dtype=np.float64).tolist()
    if draw(st.booleans()):
        edges = [0.0, *edges]
    confidence = st.none() | st.integers(0, 1000).map(lambda thousandths: thousandths / 1000)
    segments = tuple(Segment(a, b, draw(labels), draw(confidence)) for a, b in pairwise(edges))
    path = draw(st.none() | st.text(characters))
    channel = draw(st.none() | st.integers(0, 7))
    warnings = tuple(draw(st.lists(st.text(characters), max_size=2)))
    return Segmentation(segments[-1].end if segments else 0.0, segments, path, channel, warnings)


def through(name: str, segmentation: Segmentation) -> Segmentation:
    """Written and read again."""
    return FORMATS[name].parse(FORMATS[name].render(segmentation))


def sparse(segmentation: Segmentation, relabel: Callable[[str], str]) -> list[tuple[float, float, str]]:
    """What a format without confidences is to keep, if it knows no silence."""
    labelled = [(a, b, relabel(label)) for a, b, label in spans(segmentation)]
    ordered = [(s.start, s.end, s.label) for s in tile(segmentation.duration, labelled, SILENCE)]
    while ordered and ordered[-1][2] == SILENCE:
        ordered.pop()  # the file does not say how long the recording is
    return ordered


@pytest.mark.parametrize("name", FORMATS)
def test_golden_text(name: str) -> None:
    assert FORMATS[name].render(EXAMPLE) == GOLDEN[name]


def test_the_formats_and_their_extensions(tmp_path: Path) -> None:
    assert list(FORMATS) == ["json", "csv", "tsv", "rttm", "textgrid", "audacity", "srt", "vtt", "elan"]
    for name in FORMATS:
        write(tmp_path, name, EXAMPLE)
    assert len(list(tmp_path.iterdir())) == len(FORMATS)


def test_segments_of_one_label_leave_the_rest_out(tmp_path: Path) -> None:
    music = EXAMPLE.only("music", pad_s=0.25)
    assert spans(read_segments(write(tmp_path, "json", music))) == [(1.75, 4.0, "music")]
    assert FORMATS["csv"].render(music).count("\n") == 2
    silence_first = [(0.0, 1.75, SILENCE), (1.75, 4.0, "music")]
    for name in ("rttm", "textgrid", "audacity", "srt", "vtt", "elan"):
        assert spans(read_segments(write(tmp_path, name, music))) == silence_first


def test_warnings_stand_in_json(tmp_path: Path) -> None:
    damaged = replace(EXAMPLE, warnings=("is damaged in one place",))
    assert json.loads(FORMATS["json"].render(damaged))["warnings"] == ["is damaged in one place"]
    assert read_segments(write(tmp_path, "json", damaged)) == damaged


@pytest.mark.parametrize("name", FORMATS)
def test_a_written_file_reads_back(tmp_path: Path, name: str) -> None:
    back = read_segments(write(tmp_path, name, EXAMPLE))
    noise = "white_'noise',_grün" if name == "rttm" else 'white "noise", grün'
    assert spans(back) == [(0.0, 1.2, "speech"), (1.2, 1.3, noise), (1.3, 2.0, SILENCE), (2.0, 4.0, "music")]


@given(segmentations() | segmentations(st.floats(0, 1000)))
def test_json_keeps_everything(segmentation: Segmentation) -> None:
    text = FORMATS["json"].render(segmentation)
    assert text.isascii()
    assert text.count("\n") == 1
    assert ("channel" in json.loads(text)) == (segmentation.channel is not None)
    assert ("warnings" in json.loads(text)) == bool(segmentation.warnings)
    assert FORMATS["json"].parse(text) == segmentation
    assert segmentation_from_dict(segmentation_to_dict(segmentation)) == segmentation


@given(segmentations())
def test_csv_keeps_all_but_warnings(segmentation: Segmentation) -> None:
    expected = replace(segmentation, path=segmentation.path or None, warnings=())
    if not segmentation.segments:  # no rows, no recording to say the name of
        expected = Segmentation(0.0, ())
    assert through("csv", segmentation) == expected


@given(segmentations())
def test_tsv_keeps_all_but_tabs_and_line_ends(segmentation: Segmentation) -> None:
    expected = [(a, b, re.sub(r"[\t\r\n]", " ", label)) for a, b, label in spans(segmentation)]
    assert spans(through("tsv", segmentation)) == expected


@given(segmentations())
def test_textgrid_keeps_all_labels(segmentation: Segmentation) -> None:
    expected = [(a, b, label or SILENCE) for a, b, label in spans(segmentation)]
    if segmentation.offset:
        expected = [(0.0, segmentation.offset, SILENCE), *expected]
    assert spans(through("textgrid", segmentation)) == expected


@given(segmentations())
def test_audacity_keeps_all_but_tabs_and_line_ends(segmentation: Segmentation) -> None:
    plain = [Segment(a, b, re.sub(r"[\t\r\n]", " ", label)) for a, b, label in spans(segmentation)]
    if segmentation.offset:
        plain = [Segment(0.0, segmentation.offset, SILENCE), *plain]
    assert through("audacity", segmentation).segments == merge_adjacent(plain)


@given(segmentations())
@example(Segmentation(5001.3, (Segment(0.0, 5001.2, "silence"), Segment(5001.2, 5001.3, "speech"))))
def test_rttm_keeps_times_exactly_although_it_holds_durations(segmentation: Segmentation) -> None:
    expected = sparse(segmentation, lambda label: re.sub(r"\s+", "_", label).replace('"', "'") or "<NA>")
    assert spans(through("rttm", segmentation)) == expected


@given(segmentations())
@example(Segmentation(1.0, (Segment(0.0, 1.0, "<b>&lt;a -- --> b&amp</b>"),)))
def test_subtitles_keep_all_but_white_space_and_silence(segmentation: Segmentation) -> None:
    expected = sparse(segmentation, lambda label: " ".join(label.split()))
    assert spans(through("vtt", segmentation)) == expected
    expected = sparse(segmentation, lambda label: re.sub("--+>", "->", " ".join(label.split())))
    assert spans(through("srt", segmentation)) == expected


@given(segmentations(st.floats(0, 0.01) | st.floats(0, 1000)), st.sampled_from(list(FORMATS)))
def test_no_boundary_moves_by_more_than_half_a_millisecond(segmentation: Segmentation, name: str) -> None:
    kept = [time for start, end, _ in spans(through(name, segmentation)) for time in (start, end)]
    times = np.array([0.0, *(s.start for s in segmentation), segmentation.duration])
    assert all(np.abs(times - time).min() <= 0.0005 + 1e-9 for time in kept)


@given(segmentations(), st.sampled_from(list(FORMATS)))
def test_every_line_of_a_table_has_its_fields(segmentation: Segmentation, name: str) -> None:
    lines = FORMATS[name].render(segmentation).split("\n")[:-1]
    if name == "tsv":
        assert all(line.count("\t") == 2 for line in lines)
    if name == "rttm":
        assert all(len(line.split()) == 10 for line in lines)


@settings(deadline=None, max_examples=25)  # writes files, each down to the disk
@given(segmentations())
def test_any_path_and_label_can_be_written_to_a_file_and_read(
    tmp_path_factory: pytest.TempPathFactory, segmentation: Segmentation
) -> None:
    folder = tmp_path_factory.getbasetemp()
    for name in FORMATS:
        read_segments(write(folder, name, segmentation))


@settings(deadline=None)  # writes files
@given(st.sampled_from(sorted({*FORMATS, "lab"})), st.binary() | st.text().map(str.encode))
def test_garbage_is_an_error_of_one_line_with_the_name(
    tmp_path_factory: pytest.TempPathFactory, name: str, data: bytes
) -> None:
    extension = FORMATS[name].extension if name in FORMATS else ".lab"
    path = tmp_path_factory.getbasetemp() / f"garbage{extension}"
    path.write_bytes(data)
    message = refusal(lambda: read_segments(path), DataError)
    assert message is None or (message.startswith(str(path)) and message.isprintable())


@given(st.sampled_from(list(FORMATS)), st.data())
def test_a_damaged_file_is_read_or_refused(name: str, data: st.DataObject) -> None:
    text = GOLDEN[name]
    at = data.draw(st.integers(0, len(text)))
    damaged = text[:at] + data.draw(st.text(max_size=3)) + text[at + data.draw(st.integers(0, 3)) :]
    message = refusal(lambda: FORMATS[name].parse(damaged), ValueError)
    assert message is None or message.isprintable()


def test_numpy_numbers_are_written_as_plain_ones() -> None:
    segment = Segment(np.float64(0.0), np.float64(0.5), "speech", np.float32(0.25))
    segmentation = Segmentation(np.float64(0.5), (segment,))
    for name, format_ in FORMATS.items():
        text = format_.render(segmentation)
        assert "np." not in text, name
        assert spans(format_.parse(text)) == [(0.0, 0.5, "speech")]


def test_an_empty_recording() -> None:
    for format_ in FORMATS.values():
        assert format_.parse(format_.render(Segmentation(0.0, ()))) == Segmentation(0.0, ())


def test_the_channel_of_rttm_counts_from_one() -> None:
    second = Segmentation(1.0, (Segment(0.0, 1.0, "music"),), "a.wav", channel=1)
    assert FORMATS["rttm"].render(second) == "SPEAKER a 2 0.000 1.000 <NA> <NA> music <NA> <NA>\n"


@pytest.mark.parametrize("path", [None, "", " \n", "two\nlines.wav", "bad\udcff.wav"])
def test_the_file_id_of_rttm_is_one_field(path: str | None) -> None:
    text = FORMATS["rttm"].render(Segmentation(1.0, (Segment(0.0, 1.0, "music"),), path))
    assert len(text.splitlines()) == 1
    assert len(text.split()) == 10


# What other programs read.

plain_labels = st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1) | st.sampled_from(
    ["two words", '"', '""quoted""', "a\\b"]
)


def tier_of(segmentation: Segmentation) -> list[tuple[float, float, str]]:
    """Every interval of the tier that is to be read."""
    before = [(0.0, segmentation.offset, "")] if segmentation.offset else []
    return before + spans(segmentation)


@settings(deadline=None, max_examples=50)  # writes files
@given(segmentations(), st.data())
def test_praatio_reads_textgrids(
    tmp_path_factory: pytest.TempPathFactory, segmentation: Segmentation, data: st.DataObject
) -> None:
    praatio = pytest.importorskip("praatio.textgrid")
    segments = tuple(replace(s, label=data.draw(plain_labels)) for s in segmentation)
    grid = replace(segmentation, segments=segments)
    if not segments:
        return
    path = write(tmp_path_factory.getbasetemp(), "textgrid", grid)
    read = praatio.openTextgrid(str(path), includeEmptyIntervals=True, reportingMode="error")
    assert read.tierNames == ("swish",)
    assert (read.minTimestamp, read.maxTimestamp) == (0.0, grid.duration)
    assert [tuple(entry) for entry in read.getTier("swish").entries] == tier_of(grid)


@given(segmentations(), st.data())
def test_pysubs2_reads_subtitles(segmentation: Segmentation, data: st.DataObject) -> None:
    pysubs2 = pytest.importorskip("pysubs2")
    letters = st.text(st.characters(categories=["L"]), min_size=1).filter(lambda text: text != SILENCE)
    shown = replace(segmentation, segments=tuple(replace(s, label=data.draw(letters)) for s in segmentation))
    for name in ("srt", "vtt"):
        read = pysubs2.SSAFile.from_string(FORMATS[name].render(shown), format_=name)
        assert [(line.start / 1000, line.end / 1000, line.plaintext) for line in read] == spans(shown)


# What other programs write.


def read_text(folder: Path, name: str, text: str, encoding: str = "utf-8") -> Segmentation:
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return read_segments(path)


def test_reference_file_of_the_project(tmp_path: Path) -> None:
    text = "start_s\tend_s\tlabel\n0.0000\t7.1000\tspeech\n7.1000\t12.7048\tnoise\n"
    assert spans(read_text(tmp_path, "p.tsv", text)) == [(0.0, 7.1, "speech"), (7.1, 12.7048, "noise")]


def test_csv_of_a_spreadsheet(tmp_path: Path) -> None:
    text = "\ufefflabel,Start,End,note\r\n\r\nspeech,1,2,x\r\nmusic,0,1,\r\n"
    assert spans(read_text(tmp_path, "p.CSV", text)) == [(0.0, 1.0, "music"), (1.0, 2.0, "speech")]


def test_rttm_of_other_programs(tmp_path: Path) -> None:
    text = (
        ";; a comment\n"
        "SPKR-INFO a 1 <NA> <NA> <NA> unknown speech <NA>\n"
        "SPEAKER a 1 5.100 2.000 <NA> <NA> music <NA>\r\n"
        "SPEAKER a 1 0.5000004 4.600 <NA> <NA> speech <NA> <NA>\n"
    )
    assert spans(read_text(tmp_path, "a.rttm", text)) == [
        (0.0, 0.5000004, SILENCE),
        (0.5000004, 5.1000004, "speech"),
        (5.1000004, 7.1, "music"),
    ]


def test_audacity_labels_with_gaps_points_and_spectral_selections(tmp_path: Path) -> None:
    text = "0.450000\t0.450000\tpoint\n1.4\t3.1\ttwo words\r\n\\\t100.0\t200.0\n3.1\t4.0\n"
    assert spans(read_text(tmp_path, "labels.txt", text)) == [
        (0.0, 1.4, SILENCE),
        (1.4, 3.1, "two words"),
        (3.1, 4.0, ""),
    ]


def test_lab_file(tmp_path: Path) -> None:
    assert spans(read_text(tmp_path, "a.lab", "0 1.5 speech\n1.5  2 \tmusic\n")) == [
        (0.0, 1.5, "speech"),
        (1.5, 2.0, "music"),
    ]


def test_subrip_of_other_programs(tmp_path: Path) -> None:
    text = (
        "\ufeff1\r\n00:00:01,5 --> 00:00:02,000 X1:0 X2:9\r\ntwo\r\nlines\r\n\r\n \r\n"
        "01:00:00.000 --> 01:00:01.000\r\n<i>5 --> 6</i>"
    )
    assert spans(read_text(tmp_path, "a.srt", text)) == [
        (0.0, 1.5, SILENCE),
        (1.5, 2.0, "two lines"),
        (2.0, 3600.0, SILENCE),
        (3600.0, 3601.0, "<i>5 --> 6</i>"),
    ]


def test_webvtt_of_other_programs(tmp_path: Path) -> None:
    text = (
        "WEBVTT - made by hand\nKind: captions\n\nSTYLE\n::cue { color: red }\n\nNOTE nothing\n\n"
        "00:00.000 --> 00:01.500 align:start\n<v Anna>rock &amp; <b>roll</b>\n\n"
        "a name\n00:00:01.500 --> 00:00:02.000\n"
    )
    assert spans(read_text(tmp_path, "a.vtt", text)) == [(0.0, 1.5, "rock & roll"), (1.5, 2.0, "")]


SHORT_TEXTGRID = """File type = "ooTextFile"
Object class = "TextGrid"

0
2.5
<exists>
2
"TextTier"
"points"
0
2.5
1
1.0
"a point"
"IntervalTier"
"sounds"
0
2.5
2
0
1.25
""
1.25
2.5
"grün ""1"" = 3"
"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_short_textgrid_of_praat(tmp_path: Path, encoding: str) -> None:
    back = read_text(tmp_path, "a.TextGrid", SHORT_TEXTGRID, encoding)
    assert spans(back) == [(0.0, 1.25, SILENCE), (1.25, 2.5, 'grün "1" = 3')]


@pytest.mark.parametrize("name", ["csv", "tsv", "textgrid", "rttm", "audacity"])
def test_boundaries_within_a_microsecond_are_one(tmp_path: Path, name: str) -> None:
    text = (
        GOLDEN[name].replace("1.300", "1.3000004", 1)
        if name != "rttm"
        else GOLDEN[name].replace(" 1.200 0", " 1.1999996 0")
    )
    back = read_text(tmp_path, "a" + FORMATS[name].extension, text)
    assert len(back.segments) == 4


BROKEN = {
    "json": [
        ("", "line 1: not one JSON object"),
        ("{}\n{}\n", "line 2: not one JSON object"),
        ("[" * 100_000, "nested too deeply"),
        ("[]", "not an object with duration"),
        ('{"duration": 1, "segments": 3}', "not an object with duration"),
        ('{"duration": 1, "segments": [{"start": 0, "end": "1", "label": "a"}]}', "not an object with"),
        ('{"duration": 1, "segments": [{"start": 0, "end": 1, "label": 1}]}', "not an object with"),
        ('{"duration": 1e999, "segments": [{"start": 0, "end": 1e999, "label": "a"}]}', "not an object with"),
        ('{"duration": 2, "segments": [{"start": 0, "end": 1, "label": "a"}]}', "do not tile"),
        ('{"duration": 1, "segments": [{"start": 0, "end": -1, "label": "a"}]}', "cannot run from"),
        (
            f'{{"duration": 1, "segments": [{{"start": 0, "end": 1{"0" * 400}, "label": "a"}}]}}',
            "not an object",
        ),
    ],
    "csv": [
        ("", "line 1: not a header"),
        ("a,b,speech\n", "line 1: not a header"),
        ("start,end,label\n0,1\n", "line 2: 2 fields under 3 columns"),
        ("start,end,label\n0,x,a\n", "line 2: start, end or confidence is not a number"),
        ("start,end,label,confidence\n0,1,a,nan\n", "line 2: start, end or confidence is not a number"),
        ("start,end,label\n0,inf,a\n", "line 2: a segment cannot run from 0.0 s to inf s"),
        ("start,end,label\n0,2,a\n1,3,b\n", "line 3: overlaps the segment before it, which ends at 2.0 s"),
        ("start,end,label\n0,1,a\n2,3,b\n", "line 3: leaves a gap from 1.0 s to 2.0 s"),
        ('start,end,label\n0,1,"a\n', "line 2: unexpected end of data"),
        ("path,start,end,label\na,0,1,x\nb,1,2,x\n", "line 3: a second recording or channel"),
        ("channel,start,end,label\n0,0,1,x\n1,1,2,x\n", "line 3: a second recording or channel"),
        ("channel,start,end,label\n-1,0,1,x\n", "line 2: '-1' is not the number of a channel"),
    ],
    "tsv": [("start_s\tend_s\tlabel\n0\t1\ta\tb\n", "line 2: 4 fields under 3 columns")],
    "rttm": [
        ("garbage\n", "line 1: not a line of RTTM"),
        ("a line of prose that has more than eight words\n", "line 1: not a line of RTTM"),
        ("\nSPEAKER a 1 0 x <NA> <NA> b <NA> <NA>\n", "line 2: start or duration is not a number"),
        ("SPEAKER a 1 1 -1 <NA> <NA> b\n", "line 1: a segment cannot run from 1.0 s to 0.0 s"),
        ("\n\nSPEAKER a 1 nan 1 <NA> <NA> b\n", "line 3: a segment cannot run from nan s to nan s"),
        ("SPEAKER a 1 0 1 <NA> <NA> b\nSPEAKER c 1 1 1 <NA> <NA> b\n", "line 2: a second recording"),
        ("SPEAKER a 1 0 2 <NA> <NA> b\nSPEAKER a 1 1 1 <NA> <NA> c\n", "line 2: overlaps the segment"),
    ],
    "textgrid": [
        ("", "line 1: not a TextGrid in text format"),
        (
            GOLDEN["textgrid"].replace("1.200", "oops", 1),
            "line 18: not a TextGrid in text format: text in place",
        ),
        (GOLDEN["textgrid"].replace("size = 4", "size = 4.5"), "line 14: not a TextGrid"),
        (GOLDEN["textgrid"].replace("size = 4", "size = 999999999"), "end of file in place of a number"),
        (
            GOLDEN["textgrid"].replace("xmin = 1.200", "xmin = 1.25"),
            "line 22: leaves a gap from 1.2 s to 1.25 s",
        ),
        (GOLDEN["textgrid"].replace("xmax = 4.000", "xmax = 5.0", 2), "line 13: intervals end at 4.0 s, but"),
        (GOLDEN["textgrid"].replace("size = 1", "size = 0"), "no interval tier"),
    ],
    "audacity": [
        ("speech\n", "line 1: not a line of start, end and label"),
        ("0\t1\ta\none\ttwo\tb\n", "line 2: start, end or confidence is not a number"),
        ("2\t1\ta\n", "line 1: a segment cannot run from 2.0 s to 1.0 s"),
    ],
    "srt": [
        ("1\n00:00:02,000 --> 00:01\nspeech\n", "line 2: a segment cannot run"),
        ("\n\n1\n00:00:00,000 -->\nspeech\n", "line 4: not two times"),
        ("1\n00:00:00,000 --> 00:00:01,000x\nspeech\n", "line 2: not two times"),
        ("1\n0:0:0 --> 0:0:2\na\n\n2\n0:0:1 --> 0:0:2\nb\n", "line 6: overlaps the segment before it"),
    ],
    "vtt": [
        ("", "line 1: not WEBVTT"),
        ("1\n00:00.000 --> 00:01.000\nspeech\n", "line 1: not WEBVTT"),
        ("WEBVTT\n\n00:00.000 --> soon\nspeech\n", "line 3: not two times"),
    ],
}


@pytest.mark.parametrize(
    ("name", "text", "reason"), [(name, *case) for name, cases in BROKEN.items() for case in cases]
)
def test_a_malformed_file_is_named_with_the_line(tmp_path: Path, name: str, text: str, reason: str) -> None:
    with pytest.raises(DataError) as caught:
        read_text(tmp_path, "a\nb" + FORMATS[name].extension, text)
    assert str(caught.value).startswith(f"{tmp_path}/a\\nb{FORMATS[name].extension}: ")
    assert reason in str(caught.value)


@pytest.mark.parametrize("name", FORMATS)
def test_text_in_another_encoding_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match="line 2: not UTF-8 text"):
        read_text(tmp_path, "a" + FORMATS[name].extension, "\ngrün", "latin-1")
    with pytest.raises(DataError, match="line 1: not UTF-16 text"):
        read_text(tmp_path, "a" + FORMATS[name].extension, "\xff\xfe\x00", "latin-1")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a\.csv: cannot be read: No such file or directory"):
        read_segments(tmp_path / "a.csv")
    (tmp_path / "b.csv").mkdir()
    with pytest.raises(DataError, match="cannot be read: Is a directory"):
        read_segments(tmp_path / "b.csv")
    with pytest.raises(DataError, match=r"a\.wav: not a file of segments by its extension"):
        read_segments(tmp_path / "a.wav")


TABLES_OF_OTHERS = {
    "inaSpeechSegmenter": ("a.csv", "labels\tstart\tstop\nspeech\t0.5\t2.0\nmusic\t2.0\t3.0\n"),
    "AVA-Speech": ("a.csv", "-5KQ66BBWC4,0.50,2.00,speech\n-5KQ66BBWC4,2.00,3.00,music\n"),
    "DCASE": ("a.tsv", "filename\tonset\toffset\tevent_label\na.wav\t0.5\t2\tspeech\na.wav\t2\t3\tmusic\n"),
    "durations, semicolons": ("a.csv", "Begin Time (s);Duration;Class\n0.5;1.5;speech\n2;1;music\n"),
    "Praat, through R": ("a.csv", '"tmin","tier","text","tmax"\n0.5,"t","speech",2\n2,"t","music",3\n'),
}


@pytest.mark.parametrize("program", TABLES_OF_OTHERS)
def test_tables_of_other_programs_are_read_by_the_names_of_their_columns(
    tmp_path: Path, program: str
) -> None:
    name, text = TABLES_OF_OTHERS[program]
    expected = [(0.0, 0.5, SILENCE), (0.5, 2.0, "speech"), (2.0, 3.0, "music")]
    assert spans(read_text(tmp_path, name, text)) == expected


def test_several_recordings_in_a_file_are_read_together_or_refused(tmp_path: Path) -> None:
    rttm = "SPEAKER a 1 0 1 <NA> <NA> speech <NA> <NA>\nSPEAKER b 1 1 1 <NA> <NA> music <NA> <NA>\n"
    table = "path,start,end,label\na.wav,0,1,speech\nb.wav,0,2,music\n"
    for name, text, paths in (("x.rttm", rttm, ["a", "b"]), ("x.csv", table, ["a.wav", "b.wav"])):
        (tmp_path / name).write_text(text)
        found = read_all_segments(tmp_path / name)
        assert [(s.path, s.duration, s.segments[-1].label) for s in found] == [
            (paths[0], 1.0, "speech"),
            (paths[1], 2.0, "music"),
        ]
        with pytest.raises(DataError, match="a second recording or channel, and a segmentation is of one"):
            read_segments(tmp_path / name)


def test_elan_files_are_those_of_an_independent_library(tmp_path: Path) -> None:
    pympi = pytest.importorskip("pympi")
    path = write(tmp_path, "elan", EXAMPLE)
    ours = pympi.Elan.Eaf(path)
    assert sorted(ours.get_annotation_data_for_tier("swish"))[:2] == [
        (0, 1200, "speech"),
        (1200, 1300, 'white "noise", grün'),
    ]
    theirs = pympi.Elan.Eaf()
    theirs.add_tier("labels")
    theirs.add_annotation("labels", 500, 2000, "speech")
    theirs.add_annotation("labels", 2000, 2500, "music")
    theirs.to_file(tmp_path / "theirs.eaf")
    found = spans(read_segments(tmp_path / "theirs.eaf"))
    assert found == [(0.0, 0.5, SILENCE), (0.5, 2.0, "speech"), (2.0, 2.5, "music")]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("<ANNOTATION_DOCUMENT>", "line 1: not XML"),
        ("<html/>", "not a document of ELAN"),
        (
            '<ANNOTATION_DOCUMENT><TIER><ALIGNABLE_ANNOTATION ANNOTATION_ID="a1" TIME_SLOT_REF1="x"/></TIER>'
            "</ANNOTATION_DOCUMENT>",
            "the annotation 'a1' has no times in milliseconds",
        ),
    ],
)
def test_a_malformed_elan_file_is_a_sentence(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "a.eaf").write_text(text)
    with pytest.raises(DataError, match=reason):
        read_segments(tmp_path / "a.eaf")


def test_tiers_are_chosen_by_name(tmp_path: Path) -> None:
    tier = '"IntervalTier" "{}" 0 2 1 0 2 "{}"\n'
    points = '"TextTier" "points" 0 2 1 1 "x"\n'
    head = 'File type = "ooTextFile"\nObject class = "TextGrid"\n0 2 <exists> 3\n'
    path = tmp_path / "a.TextGrid"
    path.write_text(head + tier.format("words", "hello") + points + tier.format("classes", "speech"))
    assert spans(read_segments(path)) == [(0.0, 2.0, "hello")]
    assert spans(read_segments(path, tier="classes")) == [(0.0, 2.0, "speech")]
    with pytest.raises(DataError, match=r"no tier is called 'x' \(there are: 'words', 'points', 'classes'\)"):
        read_segments(path, tier="x")
    elan = tmp_path / "a.eaf"
    elan.write_text(FORMATS["elan"].render(EXAMPLE))
    assert read_segments(elan, tier="swish") == read_segments(elan)
    with pytest.raises(DataError, match=r"no tier is called 'x' \(there are: 'swish'\)"):
        read_segments(elan, tier="x")
