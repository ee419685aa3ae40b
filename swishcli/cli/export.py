"""``swish export``: a model for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def export(
    model: Annotated[str, typer.Argument(help="A model that comes with swish, or a file.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The ONNX file to write.")],
    front_end: Annotated[
        bool, typer.Option("--front-end", help="Put the MFCC into the graph: samples in, logits out.")
    ] = False,
) -> None:
    """Write a model as ONNX for other programs, checked against torch.

    Example:  swish export slim -o slim.onnx --front-end
    """
    from swishcli.checkpoint import find_model, load_checkpoint
    from swishcli.engines import require_torch

    checkpoint = load_checkpoint(find_model(model))
    require_torch("export")
    from swishcli.export import export_onnx

    export_onnx(checkpoint, output, front_end)
    print(f"{output}: logits of {', '.join(checkpoint.classes)}, equal to torch's")
