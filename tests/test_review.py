"""Review pages: what they hold, and what a person does with them in a browser."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from conftest import Swish, tone

from swishcli import review
from swishcli.errors import DataError, MissingDependencyError
from swishcli.formats import FORMATS, read_segments
from swishcli.review.media import Media
from swishcli.review.pages import Entry
from swishcli.segments import Segment, Segmentation

RATE = 16000
HOSTILE = "<img src=x onerror=window.hit=1>'\"&{{7*7}}.wav"
HOSTILE_LABEL = "</script><script>window.hit=1</script>"


def recording(path: Path, seconds: float = 12.0) -> Path:
    with path.open("wb") as file:  # which takes any name
        soundfile.write(file, tone(RATE, seconds), RATE, format="WAV")
    return path


def segmentation(path: Path, third: str = "noise") -> Segmentation:
    return Segmentation(
        12.0,
        (
            Segment(0.0, 4.0, "speech", 0.97),
            Segment(4.0, 8.0, "music", 0.61),
            Segment(8.0, 11.0, third, 0.9),
            Segment(11.0, 12.0, "silence", 1.0),
        ),
        str(path),
    )


def entry(number: int) -> Entry:
    share = number % 101 / 100
    shares = {"speech": share, "music": 1 - share}
    return Entry(
        f"id{number}", f"{number}.wav", f"./{number}.html", 60.0, shares, 0.9, share, None, ("speech",) * 72
    )


class Scripts(HTMLParser):
    """The blocks of data in a page, by their ids."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: dict[str, str] = {}
        self.executed = 0
        self._id = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "script":
            self._id = dict(attrs).get("id") or ""
            self.executed += not self._id

    def handle_data(self, data: str) -> None:
        if self._id:
            self.found[self._id] = self.found.get(self._id, "") + data

    def handle_endtag(self, tag: str) -> None:
        self._id = ""


def data_of(page: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Scripts(page.read_text("utf-8")).found["data"])
    return found


def test_a_page_of_one_recording_needs_no_index_and_nothing_beside_it(tmp_path: Path) -> None:
    page = review.write([segmentation(recording(tmp_path / "a.wav"))], tmp_path / "out")
    assert page == tmp_path / "out/pages/a.wav.html"
    assert [p.name for p in (tmp_path / "out").rglob("*") if p.is_file()] == ["a.wav.html"]
    data = data_of(page)
    assert [label["name"] for label in data["labels"]] == ["speech", "music", "noise", "silence"]
    assert data["segments"][1] == [4.0, 8.0, 1, 0.61]
    assert len(Scripts(page.read_text("utf-8")).found["sound"]) > 10_000


def test_the_sound_of_long_recordings_lies_beside_the_page_and_is_whole(tmp_path: Path) -> None:
    found = segmentation(recording(tmp_path / "a b#.wav"))
    page = review.write([found], tmp_path / "out", embedded_s=11)
    assert data_of(page)["sound"]["source"] == "./a%20b%23.wav.webm"
    from swishcli.audio import read_audio

    heard = read_audio(page.with_name("a b#.wav.webm"), RATE)
    assert len(heard) / RATE == pytest.approx(12, abs=0.02)
    assert np.sqrt(np.mean(heard**2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.1)


def test_a_page_shows_the_part_of_the_recording_that_was_segmented(tmp_path: Path) -> None:
    path = recording(tmp_path / "a.wav")
    data = data_of(review.write([segmentation(path).crop(3.0, 9.5)], tmp_path / "out"))
    assert (data["offset"], data["duration"]) == (3.0, 9.5)
    assert len(data["peaks"]["data"]) == pytest.approx(4 / 3 * 2 * 650, abs=8)  # of 10 ms, in base64


def test_no_name_or_label_ends_the_data_or_begins_a_script(tmp_path: Path) -> None:
    path = recording(tmp_path / HOSTILE)
    found = segmentation(path, HOSTILE_LABEL)
    page = review.write([found, segmentation(recording(tmp_path / "b.wav"))], tmp_path / "out")
    for file, executed in ((page, 2), (tmp_path / f"out/pages/{HOSTILE}.html", 4)):
        text = file.read_text("utf-8")
        assert "onerror=window" not in text.replace("\\u003cimg src=x onerror=window", "").replace(
            "&lt;img src=x onerror=window", ""
        )
        assert Scripts(text).executed == executed == text.count("<script>")
    assert data_of(tmp_path / f"out/pages/{HOSTILE}.html")["labels"][3]["name"] == HOSTILE_LABEL


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_a_name_that_is_no_text_makes_a_page_like_any_other(tmp_path: Path) -> None:
    path = recording(tmp_path / os.fsdecode(b"caf\xe9.wav"))
    index = review.write([segmentation(path), segmentation(recording(tmp_path / "b.wav"))], tmp_path / "out")
    assert data_of(index)["entries"][0]["href"] == "./pages/caf%E9.wav.html"
    assert data_of(tmp_path / "out/pages" / os.fsdecode(b"caf\xe9.wav.html"))["path"] == str(path)


def test_an_entry_says_how_much_differs_from_the_reference(tmp_path: Path) -> None:
    found = segmentation(recording(tmp_path / "a.wav"))
    reference = Segmentation(12.0, (Segment(0.0, 6.0, "speech"), Segment(6.0, 12.0, "silence")))
    page = review.Page(str(tmp_path / "a.wav"), found, reference)
    entry = review.write_page(page, tmp_path / "out", Path("a.wav"))
    assert entry.disagreement == pytest.approx(
        2 / 6, abs=1e-3
    )  # what the reference calls silence is left out
    assert (entry.least_sure, entry.sure) == (
        0.61,
        pytest.approx((4 * 0.97 + 4 * 0.61 + 3 * 0.9) / 11, abs=1e-3),
    )
    assert entry.shares["silence"] == pytest.approx(1 / 12)
    assert set(entry.ribbon[:24]) == {"speech"}


def test_recordings_that_would_share_a_page_are_refused(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    same = [segmentation(recording(p)) for p in (tmp_path / "a.wav", tmp_path / "sub/a.wav")]
    with pytest.raises(DataError, match="would write the same files"):
        review.write(same, tmp_path / "out")
    with pytest.raises(DataError, match="without a path"):
        review.write([Segmentation(1.0, (Segment(0.0, 1.0, "music"),))], tmp_path / "out")


def test_without_jinja_the_error_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from swishcli.review.pages import _environment

    _environment.cache_clear()
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(MissingDependencyError, match=re.escape("pip install 'swishcli[review]'")):
        review.require_templates()
    _environment.cache_clear()


def test_the_vendored_library_is_the_version_that_is_stated() -> None:
    vendor = Path(review.__file__).with_name("vendor")
    assert "7.12.12" in (vendor / "README.md").read_text("utf-8")
    assert "BSD 3-Clause" in (vendor / "LICENSE").read_text("utf-8")
    for script in (*vendor.glob("*.js"), *vendor.with_name("assets").glob("*.js")):
        assert "</script" not in script.read_text("utf-8").lower()


def test_the_command_reviews_a_folder_and_says_what_to_open(
    swish: Swish, tmp_path: Path, samples: Path
) -> None:
    (tmp_path / "in/deep").mkdir(parents=True)
    shutil.copy(samples / "phone.wav", tmp_path / "in/deep")
    shutil.copy(samples / "phone.tsv", tmp_path / "in/deep")
    shutil.copy(samples / "speech-en.flac", tmp_path / "in")
    (tmp_path / "in/broken.wav").write_bytes(b"no sound")
    done = swish("review", "in", "--reference", "in", "-o", "out", cwd=tmp_path)
    assert done.returncode == 1
    assert "in/broken.wav" in done.stderr
    assert done.stdout == f"out{os.sep}index.html\n"
    entries = {e["name"]: e for e in data_of(tmp_path / "out/index.html")["entries"]}
    assert set(entries) == {"deep/phone.wav", "speech-en.flac"}
    assert entries["deep/phone.wav"]["disagreement"] < 0.3
    assert entries["speech-en.flac"]["disagreement"] is None
    page = (tmp_path / "out/pages/deep/phone.wav.html").read_text("utf-8")
    assert 'href="../../index.html"' in page


def test_the_command_shows_labels_of_files(swish: Swish, tmp_path: Path, samples: Path) -> None:
    done = swish("review", samples / "phone.wav", "--labels", samples / "phone.tsv", "-o", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert data_of(Path(done.stdout.strip()))["segments"] == [
        [s.start, s.end, {"speech": 0, "music": 1, "noise": 2}[s.label], None]
        for s in read_segments(samples / "phone.tsv")
    ]
    # As a browser names what it downloads a second time.
    again = replace(read_segments(samples / "phone.tsv"), path=str(samples / "phone.wav"))
    (tmp_path / "corrections").mkdir()
    (tmp_path / "corrections/phone (1).json").write_text(FORMATS["json"].render(again))
    done = swish(
        "review", samples / "phone.wav", "--labels", tmp_path / "corrections", "-o", tmp_path / "again"
    )
    assert done.returncode == 0, done.stderr
    done = swish(
        "review",
        samples / "music.flac",
        samples / "phone.wav",
        "--labels",
        samples / "phone.tsv",
        "-o",
        tmp_path / "out",
    )
    assert done.returncode == 1
    assert "music.flac: has no labels in" in done.stderr


def test_a_folder_is_reviewed_twice_and_its_pages_are_no_recordings(
    swish: Swish, tmp_path: Path, samples: Path
) -> None:
    shutil.copy(samples / "phone.wav", tmp_path)
    for _ in range(2):
        done = swish("review", ".", "--embed", "0", cwd=tmp_path)
        assert done.stdout == f"{Path('review/pages/phone.wav.html')}\n"
    assert [p.name for p in (tmp_path / "review/pages").glob("*.webm")] == ["phone.wav.webm"]


def test_standard_input_cannot_be_reviewed(swish: Swish) -> None:
    assert "cannot be read twice" in " ".join(swish("review", "-").stderr.replace("│", "").split())


# ---- in a browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with sync_api.sync_playwright() as playwright:
        try:
            opened = playwright.chromium.launch(
                executable_path=program, args=["--autoplay-policy=no-user-gesture-required"]
            )
        except sync_api.Error as error:
            pytest.skip(f"there is no browser: {str(error).splitlines()[0]}")
        yield opened
        opened.close()


class Visitor:
    """A page that is open, and what it complained about or asked for."""

    def __init__(self, page: Any, file: Path) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.requests: list[str] = []
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))
        page.goto(file.as_uri())
        page.wait_for_selector("html[data-ready]")

    def labels(self) -> list[str]:
        """What the rows of the list say their labels are."""
        return list(self.page.locator("#segments .row .name").all_inner_texts())

    def until(self, condition: str) -> None:
        """Wait until an expression is true. (Playwright's own waiting evaluates strings, which the page forbids.)"""
        for _ in range(100):
            if self.page.evaluate(condition):
                return
            self.page.wait_for_timeout(50)
        pytest.fail(f"never came true: {condition}")

    def says(self, text: str) -> None:
        """Wait until a screen reader is told `text`."""
        self.until(f"document.getElementById('announcement').textContent.includes({json.dumps(text)})")

    def downloaded(self, into: Path) -> Path:
        with self.page.expect_download() as waiting:
            self.page.click("#download")
        into.mkdir(exist_ok=True)
        path = into / waiting.value.suggested_filename
        waiting.value.save_as(path)
        return path

    def at(self, seconds: float) -> tuple[float, float]:
        """Where a time is on the screen, in the middle of the waveform."""
        box = self.page.locator("#waveform").bounding_box()
        return box["x"] + box["width"] * seconds / 12.0, box["y"] + box["height"] / 2

    def drag(self, start: float, end: float) -> None:
        mouse = self.page.mouse
        mouse.move(*self.at(start))
        mouse.down()
        mouse.move(*self.at((start + end) / 2), steps=4)
        mouse.move(*self.at(end), steps=4)
        mouse.up()


@pytest.fixture
def visit(browser: Any) -> Iterator[Any]:
    contexts = []

    def open_page(file: Path, **options: Any) -> Visitor:
        context = browser.new_context(**options)
        context.set_default_timeout(60_000)
        contexts.append(context)
        return Visitor(context.new_page(), file)

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("review")
    found = segmentation(recording(folder / "a.wav"))
    reference = Segmentation(12.0, (Segment(0.0, 4.0, "speech"), Segment(4.0, 12.0, "noise")))
    return review.write([found], folder / "out", {str(folder / "a.wav"): reference})


def test_a_page_opens_from_the_disk_without_complaint_and_asks_for_nothing(page: Path, visit: Any) -> None:
    visitor = visit(page)
    visitor.page.click("#spectrogram")
    visitor.page.wait_for_timeout(200)
    assert visitor.labels() == ["speech", "music", "noise", "silence"]
    assert not visitor.complaints
    assert {url.partition(":")[0] for url in visitor.requests} <= {"file", "blob", "data"}
    assert [url for url in visitor.requests if url.startswith("file")] == [page.as_uri()]


def test_a_click_plays_a_segment_to_its_end(page: Path, visit: Any) -> None:
    visitor = visit(page)
    visitor.page.locator("#segments .row").nth(3).click()
    visitor.until("ws.isPlaying() && ws.getCurrentTime() > 11.2")
    visitor.until("!ws.isPlaying() && ws.getCurrentTime() >= 12 - 0.1")
    assert visitor.page.locator("#play").inner_text().strip().endswith("Play")
    visitor.page.mouse.click(*visitor.at(5.0))
    visitor.until("ws.isPlaying() && ws.getCurrentTime() > 5.1")
    assert visitor.page.locator('[aria-selected="true"] .name').inner_text() == "music"


def test_an_edge_is_dragged_undone_done_again_and_downloaded(page: Path, visit: Any, tmp_path: Path) -> None:
    visitor = visit(page)
    visitor.drag(4.02, 5.0)
    visitor.says("Boundary at 0:0")
    moved = visitor.page.evaluate("segments.map((s) => s.start)")[1]
    assert moved == pytest.approx(5.0, abs=0.1)
    visitor.page.click("#undo")
    assert visitor.page.evaluate("segments.map((s) => s.start)") == [0, 4, 8, 11]
    visitor.page.click("#redo")
    saved = visitor.downloaded(tmp_path / "labels")
    assert saved.name == "a.json"
    written = read_segments(saved)
    assert [(s.start, s.label) for s in written] == [
        (0, "speech"),
        (moved, "music"),
        (8, "noise"),
        (11, "silence"),
    ]
    assert [s.confidence for s in written] == [None, None, 0.9, 1.0]
    assert (written.path, written.duration) == (str(page.parents[2] / "a.wav"), 12.0)


@pytest.mark.parametrize("name", ["json", "tsv", "audacity"])
def test_every_download_is_read_as_what_is_shown(page: Path, visit: Any, tmp_path: Path, name: str) -> None:
    visitor = visit(page)
    visitor.page.select_option("#format", name)
    visitor.page.keyboard.press("ArrowRight")
    visitor.page.focus("#segments")
    visitor.page.keyboard.press("3")
    written = read_segments(visitor.downloaded(tmp_path / "labels"))
    assert [(s.start, s.end, s.label) for s in written] == [
        (0, 4, "speech"),
        (4, 11, "noise"),  # neighbours of one label are one segment
        (11, 12, "silence"),
    ]


def test_the_keyboard_alone_is_enough(page: Path, visit: Any) -> None:
    visitor = visit(page)
    keyboard = visitor.page.keyboard
    keyboard.press("u")
    visitor.says("music, 0:04.00 to 0:08.00, 61 % sure")
    keyboard.press("d")
    visitor.says("silence, 0:11.00")
    keyboard.press("d")
    visitor.says("There is none after this")
    keyboard.press("D")
    visitor.says("music, 0:04.00")
    keyboard.press("3")
    visitor.says("Segment 2 is noise now")
    keyboard.press(".")
    visitor.says("Boundary at 0:04.10")
    keyboard.press("z")
    keyboard.press("z")
    assert visitor.labels() == ["speech", "music", "noise", "silence"]
    keyboard.press("m")
    assert visitor.labels() == ["speech", "music", "silence"]
    keyboard.press("Control+z")
    keyboard.press("h")
    assert visitor.labels() == ["speech", "noise", "silence"]
    keyboard.press("ArrowLeft")
    visitor.says("speech, 0:00.00")
    keyboard.press("Enter")
    visitor.until("ws.isPlaying()")
    keyboard.press(" ")
    visitor.until("!ws.isPlaying()")
    keyboard.press("?")
    assert visitor.page.locator("#help-dialog").is_visible()
    keyboard.press("Escape")
    visitor.until("!document.getElementById('help-dialog').open")
    keyboard.press("End")
    visitor.says("silence, 0:11.00")
    visitor.page.evaluate("ws.setTime(11.5)")
    keyboard.press("s")
    assert visitor.labels() == ["speech", "noise", "silence", "silence"]
    assert not visitor.complaints


def test_screen_readers_are_told_what_everything_is(page: Path, visit: Any) -> None:
    visitor = visit(page)
    for tag in ("button", "input", "select", "canvas"):
        for control in visitor.page.locator(f"{tag}:not(#waveform *):visible").all():
            named = control.evaluate(
                "e => e.ariaLabel || e.textContent.trim() || [...(e.labels || [])].map((l) => l.textContent).join('')"
            )
            assert named, control.evaluate("e => e.outerHTML")
    options = visitor.page.locator('#segments [role="option"]')
    assert options.count() == 4
    assert visitor.page.get_attribute("#segments", "aria-activedescendant") == "segment-0"


def test_corrections_outlive_the_page_and_reach_the_index(visit: Any, tmp_path: Path) -> None:
    found = [segmentation(recording(tmp_path / name)) for name in ("a.wav", "b.wav")]
    index = review.write(found, tmp_path / "out")
    visitor = visit(index)
    assert visitor.page.locator("#download").is_hidden()
    visitor.page.click("text=a.wav")
    visitor.page.wait_for_selector("#segments .row")
    visitor.page.keyboard.press("2")
    visitor.page.reload()
    visitor.page.wait_for_selector("html[data-ready]")
    assert visitor.labels()[0] == "music"
    visitor.page.click("text=All recordings")
    visitor.page.wait_for_selector("#rows tr")
    with visitor.page.expect_download() as waiting:
        visitor.page.click("#download")
    waiting.value.save_as(tmp_path / "corrections.jsonl")
    from swishcli.formats import read_all_segments

    (written,) = read_all_segments(tmp_path / "corrections.jsonl")
    assert written.path == str(tmp_path / "a.wav")
    assert written.segments[0].label == "music"


def test_a_hostile_name_and_label_do_nothing(visit: Any, tmp_path: Path) -> None:
    found = segmentation(recording(tmp_path / HOSTILE), HOSTILE_LABEL)
    index = review.write([found, segmentation(recording(tmp_path / "b.wav"))], tmp_path / "out")
    visitor = visit(index)
    visitor.page.locator("#rows a").first.click()
    visitor.page.wait_for_selector("#segments .row")
    assert visitor.page.locator("h1").inner_text() == HOSTILE
    assert HOSTILE_LABEL in visitor.labels()
    visitor.page.keyboard.press("4")
    assert visitor.labels()[0] == HOSTILE_LABEL
    assert visitor.page.locator("img").count() == 0
    assert visitor.page.evaluate("window.hit") is None
    assert not visitor.complaints


def test_an_index_of_a_thousand_recordings_filters_at_once(visit: Any, tmp_path: Path) -> None:
    visitor = visit(review.write_index([entry(n) for n in range(1000)], tmp_path))
    seconds = visitor.page.evaluate(
        """() => {
          const begin = performance.now();
          document.getElementById("share").value = 90;
          document.getElementById("filters").dispatchEvent(new Event("input"));
          document.body.getBoundingClientRect();
          return (performance.now() - begin) / 1000;
        }"""
    )
    wanted = sum(n % 101 >= 90 for n in range(1000))
    assert visitor.page.locator("#rows tr:visible").count() == wanted
    assert visitor.page.inner_text("#count") == f"{wanted} of 1000 recordings"
    assert seconds < 1  # on a machine that is busy
    visitor.page.fill("#name", "1000")
    assert visitor.page.locator("#rows tr:visible").count() == 0
    assert visitor.page.is_visible("#nothing")
    visitor.page.click("text=Clear")
    visitor.page.fill("#name", "99.wav")
    assert visitor.page.locator("#rows tr:visible").count() == 10
    visitor.page.click("text=Length")
    assert not visitor.complaints


def test_a_page_without_its_sound_says_so_and_still_corrects(visit: Any, tmp_path: Path) -> None:
    found = segmentation(recording(tmp_path / "a.wav"))
    page = review.write([found], tmp_path / "out", embedded_s=0)
    visitor = visit(page)
    visitor.page.locator("#segments .row").nth(2).click()
    visitor.until("ws.isPlaying() && ws.getCurrentTime() > 8.1")
    page.with_name("a.wav.webm").unlink()
    visitor = visit(page)
    assert "must lie beside this page, as a.wav.webm" in visitor.page.locator("#trouble").inner_text()
    visitor.page.keyboard.press("2")
    assert visitor.labels()[0] == "music"


def test_ten_hours_open_in_seconds_and_are_corrected(
    visit: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hours, n = 36_000.0, 9_000
    labels = ("speech", "music", "noise")
    segments = tuple(Segment(4.0 * i, 4.0 * i + 4, labels[i % 3], 0.5 + i % 50 / 100) for i in range(n))
    generator = np.random.default_rng(0)
    seen = Media(
        hours,
        0.32,
        generator.integers(-100, 100, (112_500, 2)).astype(np.int8),
        2.24,
        generator.integers(0, 255, (16_072, 64)).astype(np.uint8),
        tuple(range(64)),
    )
    monkeypatch.setattr("swishcli.review.pages.encode", lambda *_: seen)
    page = review.write([Segmentation(hours, segments, str(tmp_path / "a.wav"))], tmp_path / "out")
    begin = time.monotonic()
    visitor = visit(page)
    visitor.page.click("#spectrogram")
    visitor.until("tiles !== null")
    assert time.monotonic() - begin < 60  # on a machine that is busy; peaks of ten hours would take minutes
    assert visitor.page.locator("#segments .row").count() < 60
    visitor.page.keyboard.press("End")
    visitor.page.evaluate("zoomTo(0.9)")
    visitor.until("regions.getRegions().length > 1")
    visitor.page.keyboard.press("1")
    visitor.says("Segment 9000 is speech now")
    assert visitor.page.evaluate("joined().length") == n


@pytest.mark.parametrize("width", [360, 1280])
def test_no_page_is_wider_than_the_screen(page: Path, visit: Any, width: int, tmp_path: Path) -> None:
    index = review.write_index([entry(n) for n in range(3)], tmp_path)
    for file in (page, index):
        visitor = visit(file, viewport={"width": width, "height": 700})
        assert visitor.page.evaluate("document.documentElement.scrollWidth") <= width
