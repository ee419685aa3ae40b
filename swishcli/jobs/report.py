"""What became of a batch: counts, hours of each class, speed, and every failure with its reason."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from swishcli import __version__
from swishcli.analysis import Analysis
from swishcli.errors import DataError, SwishError, display_path
from swishcli.files import write_text_atomically
from swishcli.jobs.shards import Shard

JOB_FOLDER = ".swish"
"""Where journal and report lie in the folder of the outputs: out of the way of who reads those."""
JOURNAL, REPORT = "journal", "report"


@dataclass(frozen=True, slots=True)
class Heard:
    """What was heard in a recording."""

    audio_s: float
    """Seconds that were listened to."""
    seconds: Mapping[str, float]
    """Of each class, and of silence; of all channels where each has its own answer."""
    warnings: tuple[str, ...] = ()

    @classmethod
    def of(cls, answers: Sequence[Analysis]) -> Heard:
        """What the answers about a recording say together."""
        seconds: Counter[str] = Counter()
        for answer in answers:
            clip = answer.classification
            seconds.update({label: share * clip.duration for label, share in clip.shares.items()})
        first = answers[0].classification
        return cls(first.duration, dict(seconds), first.warnings)


@dataclass
class Report:
    """What became of a batch, or of several together."""

    shards: list[Shard] = field(default_factory=lambda: [Shard()])
    found: int = 0
    """Recordings, and what was named and stood for none."""
    done: int = 0
    there: int = 0
    """Recordings that were done before."""
    audio_s: float = 0.0
    """Of recordings that are done now or were before, as far as a journal tells."""
    fresh_audio_s: float = 0.0
    """Of recordings that were done now."""
    seconds: Counter[str] = field(default_factory=Counter)
    """Of each class."""
    wall_s: float = 0.0
    """How long it took; of several batches, one after the other."""
    failures: dict[str, str] = field(default_factory=dict)
    """Reasons by path."""
    warnings: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """What is damaged or missing, by path."""
    stopped: str | None = None
    """Why it ended early, if it did."""

    @property
    def left(self) -> int:
        """Recordings that nobody has worked on."""
        return self.found - self.done - self.there - len(self.failures)

    @property
    def missing(self) -> list[Shard]:
        """Shards that others speak of, and that are not here."""
        counts = {shard.count for shard in self.shards}
        return sorted({Shard(i, n) for n in counts for i in range(1, n + 1)} - {*self.shards}, key=str)

    def add(self, path: str, heard: Heard, fresh: bool = True) -> None:
        """Count a recording that is done now, or was before."""
        if fresh:
            self.done += 1
            self.fresh_audio_s += heard.audio_s
        else:
            self.there += 1
        self.audio_s += heard.audio_s
        self.seconds.update(heard.seconds)
        if heard.warnings:
            self.warnings[path] = heard.warnings

    def fail(self, path: str, error: SwishError) -> None:
        """Count a recording that could not be done."""
        self.failures[path] = reason_of(path, error)

    def to_dict(self) -> dict[str, object]:
        """The JSON object."""
        return {
            "swish": __version__,
            "shards": [str(shard) for shard in self.shards],
            "complete": self.stopped is None and not self.left,
            "stopped": self.stopped,
            "recordings": {
                "found": self.found,
                "done": self.done,
                "done_before": self.there,
                "failed": len(self.failures),
                "left": self.left,
            },
            "audio_hours": self.audio_s / 3600,
            "hours": {label: seconds / 3600 for label, seconds in self.seconds.items()},
            "audio_hours_now": self.fresh_audio_s / 3600,
            "seconds": self.wall_s,
            "audio_hours_per_second": self.fresh_audio_s / 3600 / self.wall_s if self.wall_s else 0.0,
            "failures": [{"path": path, "reason": reason} for path, reason in self.failures.items()],
            "warnings": [{"path": path, "warnings": said} for path, said in self.warnings.items()],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Report:
        """The inverse of `to_dict`. Raises ValueError for any other object."""
        try:
            counts = {name: int(data["recordings"][name]) for name in ("found", "done", "done_before")}
            return cls(
                [Shard.parse(text) for text in data["shards"]],
                counts["found"],
                counts["done"],
                counts["done_before"],
                _number(data["audio_hours"]) * 3600,
                _number(data["audio_hours_now"]) * 3600,
                Counter({str(label): _number(hours) * 3600 for label, hours in data["hours"].items()}),
                _number(data["seconds"]),
                {str(failure["path"]): str(failure["reason"]) for failure in data["failures"]},
                {str(w["path"]): tuple(map(str, w["warnings"])) for w in data["warnings"]},
                None if data["stopped"] is None else str(data["stopped"]),
            )
        except (LookupError, TypeError, AttributeError):
            raise ValueError("not the report of a batch") from None

    @classmethod
    def merged(cls, reports: Iterable[Report]) -> Report:
        """The report of batches together."""
        whole = cls([])
        for report in reports:
            whole.shards += report.shards
            whole.found += report.found
            whole.done += report.done
            whole.there += report.there
            whole.audio_s += report.audio_s
            whole.fresh_audio_s += report.fresh_audio_s
            whole.seconds.update(report.seconds)
            whole.wall_s += report.wall_s
            whole.failures |= report.failures
            whole.warnings |= report.warnings
            whole.stopped = whole.stopped or report.stopped
        return whole

    def save(self, path: Path) -> None:
        """Write the JSON object, complete or not at all. Raises OutputError."""
        write_text_atomically(path, json.dumps(self.to_dict(), indent=2, ensure_ascii=True) + "\n")


def read_report(path: Path) -> Report:
    """Read what `Report.save` has written. Raises DataError."""
    try:
        return Report.from_dict(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise DataError(f"{display_path(path)}: cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise DataError(f"{display_path(path)}: is not the report of a batch") from None


def find_reports(paths: Iterable[Path]) -> list[Path]:
    """The files of reports that files, folders of jobs and folders of outputs stand for. Raises DataError."""
    found: list[Path] = []
    for path in paths:
        if not path.is_dir():
            found.append(path)
            continue
        folder = path / JOB_FOLDER if (path / JOB_FOLDER).is_dir() else path
        reports = sorted(folder.glob(f"{REPORT}*.json"))
        if not reports:
            raise DataError(f"{display_path(path)}: holds no report of a batch")
        found += reports
    return list(dict.fromkeys(found))


def reason_of(path: str, error: SwishError) -> str:
    """What an error says, without the recording's name before it."""
    return str(error).removeprefix(f"{display_path(path)}: ")


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TypeError
    return float(value)
