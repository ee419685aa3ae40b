"""Labels over time as training data: found, split, taught frame by frame, and learnt."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from conftest import Swish
from test_training import RECIPE, train
from training_data import CLEAN, FRONT_END, HOP, PITCHES, RATE, silence, tone, write

import swishcli
from swishcli.errors import DataError
from swishcli.evaluation.metrics import accuracy
from swishcli.evaluation.scoring import frame_confusion
from swishcli.formats import FORMATS, read_segments
from swishcli.network import IGNORE
from swishcli.segments import Segment, Segmentation
from swishcli.training.cache import CachedRecording, data_digest, load_recordings
from swishcli.training.crops import CropMaker
from swishcli.training.datasets import TRAIN, VAL, find_items, split_items
from swishcli.training.references import find_labelled

CLASSES = tuple(PITCHES)
LABELS = ("speech", "music", "silence", "noise")


def labelled(path: Path, name: str = "json", said_path: str | None = None) -> Segmentation:
    """A recording of 14 s, a pitch for each class, and the file of its labels in `name` beside it."""
    parts, segments = [], []
    for i, label in enumerate((*LABELS, "speech", "music", "noise")):
        parts.append(silence(2.0) if label == "silence" else tone(PITCHES[label], 2.0))
        segments.append(Segment(2.0 * i, 2.0 * i + 2, label))
    write(path, np.concatenate(parts))
    segmentation = Segmentation(14.0, tuple(segments), said_path or str(path))
    labels_of(path.parent, segmentation, path.stem, name)
    return segmentation


def labels_of(folder: Path, segmentation: Segmentation, stem: str, name: str = "json") -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / f"{stem}{FORMATS[name].extension}"
    path.write_text(FORMATS[name].render(segmentation), encoding="utf-8")
    return path


def cached(folder: Path, cache: Path) -> list[CachedRecording]:
    return load_recordings(find_items(folder), RATE, HOP, cache)


def heard(samples: np.ndarray) -> str:
    """The class whose pitch is loudest."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    hz = spectrum.argmax() * RATE / len(samples)
    return min(CLASSES, key=lambda label: abs(PITCHES[label] - hz))


@pytest.mark.parametrize("name", list(FORMATS))
def test_labels_beside_recordings_are_found_in_every_format(tmp_path: Path, name: str) -> None:
    segmentation = labelled(tmp_path / "deep/a.wav", name)
    write(tmp_path / "unlabelled.wav", tone(500, 1.0))
    (item,) = find_items(tmp_path)
    assert item.path == tmp_path / "deep/a.wav"
    assert [s.label for s in item.segments] == [s.label for s in segmentation]
    assert item.labels == set(CLASSES)


def test_corrections_find_their_recordings_by_the_path_in_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "archive").mkdir()
    segmentation = labelled(tmp_path / "archive/a.wav", said_path="archive/a.wav")
    (tmp_path / "archive/a.json").rename(labels_of(tmp_path / "corrections", segmentation, "a (1)"))
    monkeypatch.chdir(tmp_path)
    (item,) = find_items(Path("corrections"))
    assert item.path == Path("archive/a.wav")
    lines = tmp_path / "all.jsonl"
    lines.write_text(FORMATS["json"].render(segmentation))
    assert find_items(lines)[0].segments == item.segments


def test_corrections_find_their_recordings_by_name_in_a_folder_that_is_named(tmp_path: Path) -> None:
    segmentation = labelled(tmp_path / "archive/x/a.wav", said_path="/gone/a.wav")
    (tmp_path / "archive/x/a.json").unlink()
    labels_of(tmp_path / "corrections", segmentation, "a", "tsv")
    with pytest.raises(DataError, match=r"a\.tsv: its recording is not found; --recordings names the folder"):
        find_items(tmp_path / "corrections")
    (item,) = find_items(tmp_path / "corrections", tmp_path / "archive")
    assert item.path == tmp_path / "archive/x/a.wav"
    labelled(tmp_path / "archive/y/a.wav")  # now the name says nothing
    with pytest.raises(DataError, match="is not found"):
        find_items(tmp_path / "corrections", tmp_path / "archive")


def test_of_two_corrections_of_a_recording_the_newer_counts(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    segmentation = labelled(tmp_path / "archive/a.wav")
    (tmp_path / "archive/a.json").unlink()
    old = labels_of(tmp_path / "corrections", segmentation, "a")
    new = labels_of(
        tmp_path / "corrections", Segmentation(14.0, (Segment(0, 14, "noise"),), segmentation.path), "a (1)"
    )
    os.utime(old, (1, 1))
    (found,) = find_labelled(tmp_path / "corrections")
    assert found.file == new
    assert "a.json: left out" in caplog.text


def test_folders_of_classes_and_manifests_stay_what_they_are(tmp_path: Path) -> None:
    for label in ("speech", "music"):
        write(tmp_path / label / "a.wav", tone(500, 1.0))
        (tmp_path / label / "a.txt").write_text("what is said in it\n")
        (tmp_path / label / "b.json").write_text("{}")
    assert [item.label for item in find_items(tmp_path)] == ["music", "speech"]
    manifest = tmp_path / "data.tsv"
    manifest.write_text("path\tlabel\nspeech/a.wav\tspeech\nmusic/a.wav\tmusic\n")
    assert [item.label for item in find_items(manifest)] == ["music", "speech"]


def test_labels_that_are_malformed_are_told(tmp_path: Path) -> None:
    labelled(tmp_path / "a.wav")
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(DataError, match=r"a\.json: line 1"):
        find_items(tmp_path)


def test_a_correction_that_is_malformed_costs_the_others_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    segmentation = labelled(tmp_path / "archive/a.wav")
    labels_of(tmp_path / "corrections", segmentation, "a")
    (tmp_path / "corrections/b.json").write_text("{")
    assert len(find_items(tmp_path / "corrections")) == 1
    assert "b.json: line 1" in caplog.text


def test_of_one_recording_parts_of_ten_seconds_are_held_out_and_nothing_is_taught_twice(
    tmp_path: Path,
) -> None:
    segmentation = labelled(tmp_path / "a.wav")
    train, val = split_items(find_items(tmp_path), seed=0)
    assert (train.split, val.split) == (TRAIN, VAL)
    seconds = sum(s.duration for item in (train, val) for s in item.segments)
    assert seconds == pytest.approx(segmentation.duration)
    assert sum(s.duration for s in val.segments) == pytest.approx(segmentation.duration / 7)
    spans = sorted((s.start, s.end) for item in (train, val) for s in item.segments)
    assert all(before[1] <= after[0] for before, after in pairwise(spans))


def test_of_several_recordings_whole_ones_are_held_out(tmp_path: Path) -> None:
    for i in range(6):
        labelled(tmp_path / f"{i}.wav")
    items = split_items(find_items(tmp_path), seed=0)
    assert len(items) == 6
    assert [item.split for item in items].count(VAL) == 1
    assert split_items(items, seed=1) == items


def test_frames_carry_the_label_of_their_time(tmp_path: Path, cache: Path) -> None:
    labelled(tmp_path / "a.wav")
    (recording,) = cached(tmp_path, cache)
    labels = recording.labels(CLASSES, HOP / RATE)
    middles = [labels[200 * i + 100] for i in range(7)]
    assert middles == [0, 1, IGNORE, 2, 0, 1, 2]
    stretches = list(recording.stretches(HOP, RATE))
    assert [s.item.label for s in stretches] == ["speech", "music", "noise", "speech", "music", "noise"]
    for stretch in stretches:
        assert stretch.n_samples == 2 * RATE
        assert heard(stretch.read()) == stretch.item.label
        assert len(stretch.read(RATE, 5 * RATE)) == RATE  # never into the next segment


def test_soft_sounds_after_loud_ones_are_no_pauses(tmp_path: Path, cache: Path) -> None:
    write(tmp_path / "a.wav", np.concatenate([tone(1500, 2.0, 0.9), tone(500, 2.0, 0.01)]))
    segments = (Segment(0, 2, "music"), Segment(2, 4, "speech"))
    labels_of(tmp_path, Segmentation(4.0, segments), "a", "tsv")
    (recording,) = cached(tmp_path, cache)
    assert recording.active[10:390].all()


def test_crops_as_recorded_are_labelled_by_what_is_heard(tmp_path: Path, cache: Path) -> None:
    labelled(tmp_path / "a.wav")
    recordings = cached(tmp_path, cache)
    crops = CropMaker(recordings, CLASSES, FRONT_END, replace(CLEAN, as_recorded=1.0))
    seen: set[int] = set()
    changes = 0
    for seed in range(20):
        crop = crops.crop(np.random.default_rng(seed), 400)
        frames = [t for t in range(10, 390) if len(set(crop.labels[t - 10 : t + 10].tolist())) == 1]
        for t in frames[::20]:
            if crop.labels[t] != IGNORE:
                assert heard(crop.samples[(t - 8) * HOP : (t + 8) * HOP]) == CLASSES[crop.labels[t]]
                assert crop.audible[:, t].tolist() == [k == crop.labels[t] for k in range(3)]
                seen.add(int(crop.labels[t]))
        known = crop.labels[crop.labels != IGNORE]
        changes += int((np.diff(known) != 0).sum())
    assert seen == {0, 1, 2}
    assert changes > 10  # boundaries as they are in the recording


def test_a_class_without_recordings_is_never_drawn(tmp_path: Path, cache: Path) -> None:
    write(tmp_path / "a.wav", np.concatenate([tone(500, 3.0), tone(1500, 3.0)]))
    labels_of(tmp_path, Segmentation(6.0, (Segment(0, 3, "speech"), Segment(3, 6, "music"))), "a", "tsv")
    crops = CropMaker(
        cached(tmp_path, cache), CLASSES, FRONT_END, replace(CLEAN, distant=1.0, background=1.0)
    )
    for seed in range(10):
        labels = crops.crop(np.random.default_rng(seed), 300).labels
        assert set(labels.tolist()) <= {0, 1, IGNORE}


def test_other_labels_are_other_data(tmp_path: Path, cache: Path) -> None:
    segmentation = labelled(tmp_path / "a.wav")
    before = data_digest(cached(tmp_path, cache))
    other = replace(segmentation, segments=(Segment(0, 14, "music"),))
    labels_of(tmp_path, other, "a")
    assert data_digest(cached(tmp_path, cache)) != before


def test_a_model_learns_from_labels_over_time_and_keeps_the_classes_it_had(
    tmp_path: Path, cache: Path, tiny_model: Path
) -> None:
    write(tmp_path / "data/a.wav", np.concatenate([tone(500, 4.0), tone(1500, 4.0)] * 2))
    segments = [Segment(4.0 * i, 4.0 * i + 4, label) for i, label in enumerate(("music", "speech") * 2)]
    reference = Segmentation(16.0, tuple(segments))
    labels_of(tmp_path / "data", reference, "a", "tsv")
    recipe = replace(
        RECIPE,
        training=replace(RECIPE.training, epochs=3, epoch_s=160, batch_s=8, learning_rate=0.1),
        mixing=replace(CLEAN, as_recorded=0.5),
    )
    mine = train(
        tmp_path / "data", tmp_path / "mine.safetensors", cache, recipe=recipe, init_from=str(tiny_model)
    )
    assert mine.classes == ("speech", "music", "noise")
    result = mine.provenance.validation_1s_windows
    assert result is not None
    assert set(result.recall) == {"speech", "music"}  # of noise there is nothing to validate

    def right(model: Path) -> float:
        found = swishcli.load(model).segment(tmp_path / "data/a.wav")
        return accuracy(frame_confusion(reference, found, mine.classes))

    assert right(tmp_path / "mine.safetensors") > 0.9 > right(tiny_model)


def test_a_model_is_evaluated_on_corrections(swish: Swish, tmp_path: Path, samples: Path) -> None:
    reference = replace(read_segments(samples / "phone.tsv"), path=str(samples / "phone.wav"))
    labels_of(tmp_path / "corrections", reference, "phone (1)")
    done = swish("evaluate", tmp_path / "corrections", "--model", "slim", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["figures"]["accuracy"] > 0.8
