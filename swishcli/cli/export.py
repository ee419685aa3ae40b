"""``swish export``: a model for other programs."""

from __future__ import annotations

from pathlib import Path

from swishcli.checkpoint import find_model, load_checkpoint
from swishcli.cli import EXIT_OK
from swishcli.engines import require_torch


def run(model: str, output: Path, with_front_end: bool) -> int:
    """Write the model as ONNX, return the exit code."""
    checkpoint = load_checkpoint(find_model(model))
    require_torch("export")
    from swishcli.export import export_onnx

    export_onnx(checkpoint, output, with_front_end)
    print(f"{output}: logits of {', '.join(checkpoint.classes)}, equal to torch's")
    return EXIT_OK
