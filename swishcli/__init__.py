"""swish tells speech, music and noise apart.

>>> import swishcli
>>> model = swishcli.load("slim")  # doctest: +SKIP
>>> for segment in model.segment("programme.flac"):  # doctest: +SKIP
...     print(segment.start, segment.end, segment.label)
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

__version__ = "0.2.0"

# ONNX Runtime keeps an identity in the user's cache and reports to its maker unless this is set before its
# import. Recordings are private: nothing is written or sent.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

if TYPE_CHECKING:
    from swishcli.analysis import Analysis as Analysis
    from swishcli.audio import Decoding as Decoding
    from swishcli.audio import RawFormat as RawFormat
    from swishcli.checkpoint import Checkpoint as Checkpoint
    from swishcli.checkpoint import shipped_models as shipped_models
    from swishcli.errors import SwishError as SwishError
    from swishcli.live import Listener as Listener
    from swishcli.microphone import Microphone as Microphone
    from swishcli.model import Model as Model
    from swishcli.model import load as load
    from swishcli.segments import SILENCE as SILENCE
    from swishcli.segments import Classification as Classification
    from swishcli.segments import Segment as Segment
    from swishcli.segments import Segmentation as Segmentation
    from swishcli.smoothing import SmoothingConfig as SmoothingConfig

_HOMES = {
    "Analysis": "analysis",
    "Checkpoint": "checkpoint",
    "Classification": "segments",
    "Decoding": "audio",
    "Listener": "live",
    "Microphone": "microphone",
    "Model": "model",
    "RawFormat": "audio",
    "SILENCE": "segments",
    "Segment": "segments",
    "Segmentation": "segments",
    "SmoothingConfig": "smoothing",
    "SwishError": "errors",
    "load": "model",
    "shipped_models": "checkpoint",
}

__all__ = sorted(_HOMES)  # type checkers read the imports above


def __getattr__(name: str) -> Any:
    # The command line imports the package for every `swish --help`: its parts are imported when asked for.
    if name not in _HOMES:
        raise AttributeError(f"module 'swishcli' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"swishcli.{_HOMES[name]}"), name)
