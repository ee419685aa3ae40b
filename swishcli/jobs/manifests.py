"""Lists of clips for speech recognition: JSON Lines as NeMo reads them, and a data folder as Kaldi does.

Both lead back to where in which recording a clip is from. Clips come in the order of the inputs; nothing has its
name before it is complete.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from swishcli.files import atomic_path, make_folder, path_within, remove_leftovers, write_text_atomically
from swishcli.jobs.clips import Clip

MANIFEST = "manifest"
KALDI = "kaldi"

AddClips = Callable[[Sequence[Clip]], None]
"""Takes the clips of one recording after the other."""


@contextmanager
def open_manifests(
    folder: Path, kaldi: bool = False, suffix: str = "", resume: bool = False
) -> Iterator[AddClips]:
    """Give a function that adds clips to ``manifest.jsonl``, and if wanted to the files in ``kaldi/``.

    They are in `folder` when the block has ended well, else those of before are. Several batches that share the
    folder tell theirs apart by a `suffix` of the names. With `resume` what runs that were killed have left is removed
    then.

    Raises
    ------
    OutputError
        If they cannot be written.
    """
    with ExitStack() as files:
        path = path_within(folder, Path(f"{MANIFEST}{suffix}.jsonl"))
        temporary = files.enter_context(atomic_path(path))
        manifest = files.enter_context(temporary.open("w", encoding="ascii", newline=""))
        data = KaldiData(folder, f"{KALDI}{suffix}") if kaldi else None

        def add(clips: Sequence[Clip]) -> None:
            manifest.writelines(json.dumps(manifest_entry(clip)) + "\n" for clip in clips)
            if data is not None:
                data.add(clips)

        yield add
        if data is not None:
            data.write()
    if resume:
        remove_leftovers([path])


def manifest_entry(clip: Clip) -> dict[str, object]:
    """A line of the manifest: where the clip is and how long, which NeMo reads, and where it is from.

    ``start_s`` and ``end_s`` are seconds of the recording. (NeMo's ``offset`` would be one within the clip.)
    """
    return {
        "audio_filepath": clip.name.as_posix(),
        "duration": clip.duration_s,
        "recording": clip.recording,
        "channel": clip.channel,
        "start_s": clip.start_ms / 1000,
        "end_s": clip.end_ms / 1000,
        "label": clip.label,
        "confidence": None if clip.confidence is None else round(float(clip.confidence), 3),
    }


class KaldiData:
    """A data folder of Kaldi: ``wav.scp``, ``utt2spk``, ``spk2utt``, ``utt2dur``, sorted as it wants them.

    A clip is an utterance; its speaker is its recording, or the channel of it. ``original_segments`` is like
    Kaldi's ``segments``: where in the recording each utterance is.
    """

    def __init__(self, folder: Path, name: str = KALDI) -> None:
        self._folder, self._name = folder, name
        self._rows: list[tuple[str, str, Clip]] = []
        """Utterance, speaker, clip."""
        self._speakers: dict[str, tuple[str, int | None]] = {}

    def add(self, clips: Sequence[Clip]) -> None:
        """Take the clips of a recording."""
        for clip in clips:
            speaker = self._speaker(clip)
            self._rows.append((f"{speaker}-{clip.start_ms:08}-{clip.end_ms:08}", speaker, clip))

    def write(self) -> None:
        """Write all files. Raises OutputError."""
        folder = path_within(self._folder, Path(self._name))
        make_folder(folder)
        # By code points, which is as by bytes in UTF-8.
        rows = sorted(self._rows, key=lambda row: row[0])
        by_speaker: dict[str, list[str]] = {}
        for utterance, speaker, _ in rows:
            by_speaker.setdefault(speaker, []).append(utterance)
        # Absolute, and so neither a command (which would end in |) nor standard input to Kaldi.
        top = self._folder.resolve()
        lines = {
            "wav.scp": [f"{utterance} {top / clip.name}" for utterance, _, clip in rows],
            "utt2spk": [f"{utterance} {speaker}" for utterance, speaker, _ in rows],
            "spk2utt": [f"{speaker} {' '.join(theirs)}" for speaker, theirs in sorted(by_speaker.items())],
            "utt2dur": [f"{utterance} {clip.duration_s:.3f}" for utterance, _, clip in rows],
            "original_segments": [
                f"{utterance} {speaker} {clip.start_ms / 1000:.3f} {clip.end_ms / 1000:.3f}"
                for utterance, speaker, clip in rows
            ],
        }
        for name, of_file in lines.items():
            write_text_atomically(path_within(folder, Path(name)), "".join(f"{line}\n" for line in of_file))

    def _speaker(self, clip: Clip) -> str:
        """A word for the recording, or its channel: letters, digits, dots and underscores alone.

        So utterances, which go on with a minus, sort as their speakers do. Of recordings that would have the same
        the later ones get a number.
        """
        word = re.sub(r"[^\w.]", "_", clip.name.parent.as_posix())
        candidate, number = word, 1
        recording = clip.recording, clip.channel
        while self._speakers.setdefault(candidate, recording) != recording:
            number += 1
            candidate = f"{word}_{number}"
        return candidate
