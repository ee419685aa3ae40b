"""A batch ends with every recording done or named, whatever happens on the way, and goes on where it was ended."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from conftest import Swish, command, names, tone
from hypothesis import given, settings
from hypothesis import strategies as st

from swishcli.analysis import Analysis
from swishcli.errors import AudioError, DataError, OutputError
from swishcli.jobs.batch import Batch, BatchConfig
from swishcli.jobs.inputs import Input, find_inputs
from swishcli.jobs.journal import Journal
from swishcli.jobs.report import Heard, Report, find_reports, read_report
from swishcli.jobs.shards import Shard
from swishcli.jobs.task import AnalysisTask, Destination, Done, FileState
from swishcli.segments import Classification, Segment, Segmentation

RATE = 16000
posix = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty short recordings in folders, a long one and some that cannot be used."""
    folder = tmp_path_factory.mktemp("archive")
    generator = np.random.default_rng(0)
    for number in range(60):
        path = folder / f"{number % 3}" / f"{number:02}.wav"
        path.parent.mkdir(exist_ok=True)
        sound = tone(RATE, 1 + number / 60, 200 + 20 * number)
        sound += generator.normal(0, 0.01, len(sound)).astype(np.float32)
        soundfile.write(path, sound, RATE)
    soundfile.write(folder / "long.flac", generator.normal(0, 0.1, 100 * RATE), RATE)
    (folder / "empty.wav").touch()
    (folder / "words.mp3").write_text("words")
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    """Everything in a folder but the journal and the report."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.parent.name != ".swish")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def lasting(report: Path) -> dict[str, Any]:
    """What a report says of the whole batch, whoever did how much of it."""
    said = json.loads(report.read_text())
    counts = said["recordings"]
    return {
        "done": counts["done"] + counts["done_before"],
        "failed": counts["failed"],
        "left": counts["left"],
        "complete": said["complete"],
        "failures": sorted((failure["path"], failure["reason"]) for failure in said["failures"]),
        "hours": {label: pytest.approx(hours) for label, hours in said["hours"].items()},
    }


@pytest.fixture(scope="module")
def undisturbed(
    swish: Swish, tiny_model: Path, archive: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The outputs of a run that nothing happens to."""
    out = tmp_path_factory.mktemp("undisturbed")
    done = swish("segment", "-m", tiny_model, archive, "-o", out)
    assert done.returncode == 1
    assert len(contents(out)) == 61
    return out


@posix
@pytest.mark.parametrize("seed", range(2))
def test_a_batch_that_is_killed_twice_ends_as_if_nothing_had_happened(
    seed: int, swish: Swish, tiny_model: Path, archive: Path, undisturbed: Path, tmp_path: Path
) -> None:
    line = command(
        "segment", "-m", tiny_model, archive, "-o", tmp_path, "--resume", "--timeout", "100", "-j", "2"
    )
    chance = random.Random(seed)
    journal = tmp_path / ".swish" / "journal.jsonl"
    for _ in range(2):
        already = journal.read_bytes().count(b"\n") if journal.exists() else 0
        until = already + chance.randrange(0, 25)
        with subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            deadline = time.monotonic() + 60
            while process.poll() is None and time.monotonic() < deadline:
                if journal.exists() and journal.read_bytes().count(b"\n") >= until:
                    break
                time.sleep(0.002)
            time.sleep(chance.random() * 0.1)
            process.kill()
    done_before = journal.read_bytes().count(b"outputs")
    done = swish(*line[3:])
    assert done.returncode == 1
    assert contents(tmp_path) == contents(undisturbed)
    assert lasting(tmp_path / ".swish/report.json") == lasting(undisturbed / ".swish/report.json")
    report = read_report(tmp_path / ".swish/report.json")
    assert report.there == done_before  # nothing twice
    assert report.done == 61 - done_before


def test_what_has_changed_is_done_again_and_nothing_else(
    swish: Swish, tiny_model: Path, archive: Path, tmp_path: Path
) -> None:
    recordings = [archive / "0" / f"{number:02}.wav" for number in (0, 3, 6, 9, 12)]
    line = ["segment", "-m", tiny_model, *recordings, "-o", tmp_path, "--resume"]

    def done_again(*options: str | Path) -> int:
        assert swish(*line, *options).returncode == 0
        return read_report(tmp_path / ".swish/report.json").done

    assert done_again() == 5
    assert done_again() == 0
    (tmp_path / "00.json").unlink()
    (tmp_path / "03.json").write_text("{")  # as a power cut leaves a file that was not forced to the disk
    os.utime(recordings[2])
    assert done_again() == 3
    assert done_again("--min-duration", "1") == 5
    assert done_again("--threads", "1", "--jobs", "2") == 5  # the options of before
    assert done_again("--jobs", "1") == 0


def test_without_resume_all_is_done_again(
    swish: Swish, tiny_model: Path, archive: Path, tmp_path: Path
) -> None:
    line = ["segment", "-m", tiny_model, archive / "0/00.wav", "-o", tmp_path]
    for _ in range(2):
        assert swish(*line).returncode == 0
        assert read_report(tmp_path / ".swish/report.json").done == 1
        assert len((tmp_path / ".swish/journal.jsonl").read_text().splitlines()) == 1


def test_answers_on_standard_output_are_resumed_too(
    swish: Swish, tiny_model: Path, archive: Path, tmp_path: Path
) -> None:
    for name in ("classify", "segment"):
        line = [name, "--csv", "-m", tiny_model, archive / "0", "--job", tmp_path / name, "--resume"]
        first, again = swish(*line), swish(*line)
        assert (again.returncode, again.stdout) == (0, first.stdout)
        assert read_report(tmp_path / name / "report.json").there == 20


def test_resuming_needs_a_journal(swish: Swish) -> None:
    done = swish("classify", "x.wav", "--resume")
    assert done.returncode == 2
    assert "--output DIR or --job DIR" in done.stderr


def test_a_killed_process_leaves_nothing_that_the_next_does_not_tidy_up(
    swish: Swish, tiny_model: Path, archive: Path, tmp_path: Path
) -> None:
    from swishcli.files import atomic_path

    with atomic_path(tmp_path / "00.json") as temporary:
        leftover, other = tmp_path / temporary.name, tmp_path / ".swish-of-somebody-else"
        temporary.touch()
    leftover.touch()
    other.touch()
    line = ["segment", "-m", tiny_model, archive / "0/00.wav", "-o", tmp_path, "--resume"]
    assert swish(*line).returncode == 0
    assert not leftover.exists()
    assert other.exists()


def test_two_processes_do_not_work_on_one_batch(
    swish: Swish, tiny_model: Path, archive: Path, tmp_path: Path
) -> None:
    pytest.importorskip("fcntl")
    journal = Journal(tmp_path / ".swish/journal.jsonl", resume=True)
    done = swish("segment", "-m", tiny_model, archive / "0/00.wav", "-o", tmp_path)
    assert done.returncode == 2
    assert "another process works on the same batch" in done.stderr
    journal.close()


# Shards


def test_shards_that_share_a_folder_do_everything_once(
    swish: Swish, tiny_model: Path, archive: Path, undisturbed: Path, tmp_path: Path
) -> None:
    for shard in ("1/3", "2/3"):
        swish("segment", "-m", tiny_model, archive, "-o", tmp_path, "--shard", shard)
    missing = swish("report", tmp_path)
    assert missing.returncode == 1
    assert "no report of the shards 3/3" in missing.stderr
    swish("segment", "-m", tiny_model, archive, "-o", tmp_path, "--shard", "3/3")
    assert contents(tmp_path) == contents(undisturbed)
    merged = swish("report", tmp_path, "-o", tmp_path / "all.json")
    assert (merged.returncode, merged.stderr) == (1, "")  # two recordings failed
    assert merged.stdout.startswith("61 recordings written, 2 failed: ")
    assert lasting(tmp_path / "all.json") == lasting(undisturbed / ".swish/report.json")


@pytest.mark.parametrize("text", ["0/3", "4/3", "1", "a/b", "1/0", "-1/3"])
def test_what_is_no_shard_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"shard|form"):
        Shard.parse(text)


@given(st.lists(st.text(min_size=1), unique=True), st.integers(1, 9))
def test_every_name_is_in_one_shard(names: list[str], count: int) -> None:
    encodable = [name for name in names if name.isascii()]
    for name in encodable:
        assert sum(Shard(i, count).holds(name) for i in range(1, count + 1)) == 1


# Journals

seconds = st.floats(0.01, 1e5)


@st.composite
def done(draw: st.DrawFn) -> Done:
    duration = draw(seconds)
    label = draw(st.sampled_from(["speech", "silence"]))
    warnings = tuple(draw(st.lists(st.text(), max_size=2)))
    clip = Classification(
        duration, label, draw(st.floats(0, 1)), {"speech": 0.25, "silence": 0.75}, "a", None, warnings
    )
    segments = (Segment(0.0, duration, label, draw(st.none() | st.floats(0, 1))),)
    answer = Analysis(clip, Segmentation(duration, segments, "a", None, warnings))
    return Done(
        (answer,), FileState(draw(st.integers(0, 10**12)), draw(st.integers(0, 10**18))), (("a.json", 5),)
    )


@settings(max_examples=30)  # each forces files to the disk
@given(done(), st.data())
def test_a_journal_that_is_cut_off_anywhere_keeps_its_whole_lines(
    tmp_path_factory: pytest.TempPathFactory, result: Done, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("journal") / "journal.jsonl"
    items = [Input(f"{number}\udcff.wav", Path("x")) for number in range(3)]
    journal = Journal(path, resume=False, keep_answers=True)
    for item in items:
        journal.note(item, "task", result)
    journal.close()
    whole = path.read_bytes()
    at = data.draw(st.integers(0, len(whole)))
    path.write_bytes(whole[:at] + data.draw(st.sampled_from([b"", b"\0\0\0", b"{"])))
    journal = Journal(path, resume=True, keep_answers=True)
    journal.note(items[2], "task", AudioError(items[2].path, "is bad"))
    journal.note(items[2], "task", result)
    journal.close()
    kept = Journal(path, resume=True, keep_answers=True)
    held = [kept._entries.get(os.path.abspath(item.path)) for item in items]  # noqa: PTH100
    assert [entry is not None for entry in held] == [*(whole[:at].count(b"\n") > i for i in range(2)), True]
    assert all(kept.answers(entry) == result.answers for entry in held if entry)
    assert all(entry.heard == Heard.of(result.answers) for entry in held if entry)
    kept.close()


@pytest.mark.parametrize(
    "line",
    ["[]", "3", "null", '{"path": 3}', '{"path": "a", "task": "t", "size": "x", "seconds": 3}', "[" * 99_999],
)
def test_lines_that_nobody_wrote_count_for_nothing(line: str, tmp_path: Path) -> None:
    (tmp_path / "journal").write_text(line + "\n")
    journal = Journal(tmp_path / "journal", resume=True)
    assert journal._entries == {}
    journal.close()


# Reports


def test_a_report_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    report = Report([Shard(2, 3)], found=4, stopped="interrupted", wall_s=2.5)
    report.add("a.wav", Heard(7200.0, {"speech": 3600.0, "silence": 3600.0}, ("is damaged",)))
    report.add("b.wav", Heard(3600.0, {"speech": 3600.0}), fresh=False)
    report.fail("c\n.wav", AudioError("c\n.wav", "is bad"))
    report.save(tmp_path / "report.json")
    assert read_report(tmp_path / "report.json") == report
    assert report.left == 1
    assert report.failures == {"c\n.wav": "is bad"}
    assert find_reports([tmp_path]) == [tmp_path / "report.json"]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"recordings": 3}', "[" * 99_999])
def test_what_is_no_report_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text(text)
    with pytest.raises(DataError, match=r"report\.json: is not the report of a batch"):
        read_report(tmp_path / "report.json")


# What goes wrong on the way


def batch_of(archive: Path, out: Path, model: Path, **config: Any) -> Batch:
    task = AnalysisTask(str(model), "cpu", 1, destination=Destination(out, ("json",)))
    return Batch(find_inputs([str(archive)]), task, BatchConfig(**config), ordered=False)


def test_a_full_disk_stops_a_batch_which_then_goes_on(
    tiny_model: Path, archive: Path, small_disk: Path
) -> None:
    filler = small_disk / "filler"
    with filler.open("wb") as file:
        file.write(b"x" * (small_disk_free(small_disk) - 60_000))
    with batch_of(archive, small_disk / "out", tiny_model, jobs=2, timeout_s=100) as batch:
        outcomes = list(batch.outcomes())
    assert "No space left on device" in str(batch.report.stopped)
    assert 0 < batch.report.done < 61
    assert batch.report.left > 0
    assert all(read_json(path) for path in (small_disk / "out").rglob("*.json"))
    filler.unlink()
    with batch_of(archive, small_disk / "out", tiny_model, resume=True) as batch:
        again = list(batch.outcomes())
    assert batch.report.stopped is None
    assert batch.report.there == sum(not isinstance(o.result, Exception) for o in outcomes)
    assert (batch.report.done + batch.report.there, batch.report.left) == (61, 0)
    assert len(again) >= batch.report.done


def read_json(path: Path) -> object:
    return json.loads(path.read_text())


def small_disk_free(folder: Path) -> int:
    usage = os.statvfs(folder)
    return usage.f_bavail * usage.f_bsize


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = (
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], capture_output=True, check=False
        )
        if os.name == "posix"
        else None
    )
    if mounted is None or mounted.returncode:
        pytest.skip("only root mounts file systems")
    yield folder
    subprocess.run(["umount", folder], check=False)


def test_a_recording_that_vanishes_fails_alone(tiny_model: Path, archive: Path, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", tone(RATE), RATE)
    soundfile.write(tmp_path / "b.wav", tone(RATE), RATE)
    with batch_of(tmp_path, tmp_path / "out", tiny_model) as batch:
        (tmp_path / "b.wav").unlink()
        list(batch.outcomes())
    assert batch.report.failures == {str(tmp_path / "b.wav"): "no such file"}
    assert batch.report.done == 1


def test_a_journal_that_cannot_be_written_is_said_before_anything_is_done(
    tiny_model: Path, archive: Path, tmp_path: Path
) -> None:
    (tmp_path / ".swish").write_text("mine")
    with pytest.raises(OutputError, match=r"\.swish"):
        batch_of(archive, tmp_path, tiny_model)
    assert names(tmp_path) == []


@posix
def test_an_end_by_a_scheduler_is_accounted_for(tiny_model: Path, archive: Path, tmp_path: Path) -> None:
    line = command("segment", "-m", tiny_model, archive, "-o", tmp_path)
    with subprocess.Popen(line, stderr=subprocess.PIPE, text=True) as process:
        journal = tmp_path / ".swish/journal.jsonl"
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and not (journal.exists() and journal.read_text()):
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in said
    report = read_report(tmp_path / ".swish/report.json")
    assert report.stopped == "interrupted"
    # What was written in the last moment may not be in the journal: then it is done again.
    assert 0 < report.done + report.left <= 63
    assert report.done <= len(contents(tmp_path))


# What is seen


def test_progress_is_json_for_logs(swish: Swish, tiny_model: Path, archive: Path, tmp_path: Path) -> None:
    done = swish("segment", "-m", tiny_model, archive, "-o", tmp_path, "--progress", "json")
    events = [json.loads(line) for line in done.stderr.splitlines()]
    assert [event["event"] for event in events if event["event"] != "progress"] == [
        "error",
        "error",
        "summary",
    ]
    last = [event for event in events if event["event"] == "progress"][-1]
    assert (last["recordings"], last["of"], last["failed"], last["share"]) == (63, 63, 2, 1.0)
    assert events[-1]["recordings"]["done"] == 61


def test_quiet_says_what_failed_and_no_more(
    swish: Swish, tiny_model: Path, archive: Path, tmp_path: Path
) -> None:
    done = swish("segment", "-m", tiny_model, archive, "-o", tmp_path, "--quiet")
    assert (done.returncode, done.stdout) == (1, "")
    assert sorted(line.split(": ")[1] for line in done.stderr.splitlines()) == [
        str(archive / "empty.wav"),
        str(archive / "words.mp3"),
    ]


@posix
def test_a_bar_is_for_terminals(tiny_model: Path, archive: Path, tmp_path: Path) -> None:
    import pty

    ours, its = pty.openpty()
    line = command("segment", "-m", tiny_model, archive, "-o", tmp_path)
    with subprocess.Popen(
        line, stdout=subprocess.DEVNULL, stderr=its, env={**os.environ, "TERM": "xterm"}
    ) as process:
        os.close(its)
        seen = b""
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:  # nobody writes to it any more
                break
            if not part:
                break
            seen += part
        process.wait()
    os.close(ours)
    text = seen.decode()
    assert "/63" in text
    assert "× real time" in text
    assert "61 recordings written, 2 failed" in text
    assert "speech" in text
