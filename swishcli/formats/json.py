"""JSON: the one format that keeps everything."""

from __future__ import annotations

import json
import math

from swishcli.formats.base import Format, malformed
from swishcli.segments import Segment, Segmentation


class Json(Format):
    """One object on one line; times are not rounded."""

    name = "json"
    extension = ".json"
    keeps_confidences = True
    keeps_channel = True

    def render(self, segmentation: Segmentation) -> str:
        # ASCII only, so that a path with undecodable bytes can be written and comes back the same.
        return json.dumps(segmentation_to_dict(segmentation), ensure_ascii=True) + "\n"

    def parse(self, text: str) -> Segmentation:
        try:
            data = json.loads(text)
        except json.JSONDecodeError as error:
            raise malformed(error.lineno, f"not one JSON object: {error.msg}") from None
        except RecursionError:
            raise ValueError("nested too deeply") from None
        return segmentation_from_dict(data)


class JsonLines(Json):
    """An object a line, each of a recording or channel: what ``swish segment --json`` prints. Only read."""

    name = "jsonl"
    extension = ".jsonl"

    def parse_all(self, text: str) -> list[Segmentation]:
        return [_of_line(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]


def _of_line(number: int, line: str) -> Segmentation:
    try:
        return segmentation_from_dict(json.loads(line))
    except (ValueError, RecursionError):
        raise malformed(number, "not the JSON of a segmentation") from None


def segmentation_to_dict(segmentation: Segmentation) -> dict[str, object]:
    """The JSON object of a segmentation; times in seconds.

    ``channel`` is there where it is of one, ``partial`` and ``layered`` where it is, ``warnings`` where there are
    some.

    >>> segmentation_to_dict(Segmentation(1.5, (Segment(0.0, 1.5, "music", 0.9),), "a.wav"))["segments"]
    [{'start': 0.0, 'end': 1.5, 'label': 'music', 'confidence': 0.9}]
    """
    channel = {} if segmentation.channel is None else {"channel": int(segmentation.channel)}
    partial = {name: True for name in ("partial", "layered") if getattr(segmentation, name)}
    warnings = {"warnings": list(segmentation.warnings)} if segmentation.warnings else {}
    return {
        "path": segmentation.path,
        **channel,
        "duration": float(segmentation.duration),
        **partial,
        "segments": [segment_to_dict(s) for s in segmentation],
        **warnings,
    }


def segment_to_dict(segment: Segment) -> dict[str, object]:
    """The JSON object of one segment; the confidence has three decimals."""
    # float(): whoever made the segment may have left NumPy's float32 in it, which json refuses.
    return {
        "start": float(segment.start),
        "end": float(segment.end),
        "label": segment.label,
        "confidence": None if segment.confidence is None else round(float(segment.confidence), 3),
    }


def segmentation_from_dict(data: object) -> Segmentation:
    """The inverse of `segmentation_to_dict`. Raises ValueError, with the reason, for any other object.

    As other programs write them, segments may be arrays ``[start, end, label]``, and the duration may be missing
    where it is the last one's end.
    """
    try:
        if not isinstance(data, dict):
            raise TypeError
        path, channel = data.get("path"), data.get("channel")
        segments = tuple(map(_segment_from_dict, data["segments"]))
        return Segmentation(
            _number(data["duration"]) if "duration" in data else segments[-1].end,
            segments,
            None if path is None else _text(path),
            None if channel is None else int(_number(channel)),
            tuple(map(_text, data.get("warnings", ()))),
            partial=data.get("partial") is True,
            layered=data.get("layered") is True,
        )
    except (AttributeError, LookupError, OverflowError, TypeError):
        raise ValueError(
            "not an object with duration and segments of start, end, label and confidence"
        ) from None


def _segment_from_dict(data: dict[str, object] | list[object]) -> Segment:
    if isinstance(data, list):
        data = dict(zip(("start", "end", "label"), data, strict=False))
    confidence = data.get("confidence")
    return Segment(
        _number(data["start"]),
        _number(data["end"]),
        _text(data["label"]),
        None if confidence is None else _number(confidence),
    )


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TypeError
    return float(value)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value
