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


def segmentation_to_dict(segmentation: Segmentation) -> dict[str, object]:
    """The JSON object of a segmentation; times in seconds.

    ``channel`` is there where it is of one, ``partial`` where it is, ``warnings`` where there are some.

    >>> segmentation_to_dict(Segmentation(1.5, (Segment(0.0, 1.5, "music", 0.9),), "a.wav"))["segments"]
    [{'start': 0.0, 'end': 1.5, 'label': 'music', 'confidence': 0.9}]
    """
    channel = {} if segmentation.channel is None else {"channel": int(segmentation.channel)}
    partial = {"partial": True} if segmentation.partial else {}
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
    """The inverse of `segmentation_to_dict`. Raises ValueError, with the reason, for any other object."""
    try:
        if not isinstance(data, dict):
            raise TypeError
        path, channel = data.get("path"), data.get("channel")
        return Segmentation(
            _number(data["duration"]),
            tuple(map(_segment_from_dict, data["segments"])),
            None if path is None else _text(path),
            None if channel is None else int(_number(channel)),
            tuple(map(_text, data.get("warnings", ()))),
            partial=data.get("partial") is True,
        )
    except (AttributeError, KeyError, OverflowError, TypeError):
        raise ValueError(
            "not an object with duration and segments of start, end, label and confidence"
        ) from None


def _segment_from_dict(data: dict[str, object]) -> Segment:
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
