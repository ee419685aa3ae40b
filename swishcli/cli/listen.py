"""``swish listen``: the segments of sound that is still being made."""

from __future__ import annotations

import json as json_module
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from swishcli.cli.console import print_error, print_warnings
from swishcli.cli.exit_codes import ExitCode
from swishcli.cli.options import (
    ChannelsOption,
    DeviceName,
    DeviceOption,
    ModelOption,
    RateOption,
    SampleFormatOption,
    decoding_of,
)
from swishcli.errors import AudioError, display_path

if TYPE_CHECKING:
    from swishcli.segments import Segment

_BLOCK_S = 0.05
"""Seconds of standard input taken at a time."""


def listen(
    source: Annotated[str, typer.Argument(metavar="-", help="Standard input, the only source so far.")],
    model: ModelOption = "live",
    device: DeviceOption = DeviceName.auto,
    json: Annotated[bool, typer.Option("--json", help="JSON Lines, an object a segment.")] = False,
    channel: Annotated[str | None, typer.Option(help="A channel, from 0; by default all in one.")] = None,
    rate: RateOption = None,
    sample_format: SampleFormatOption = "s16le",
    channels: ChannelsOption = 1,
) -> None:
    """Follow standard input and print each segment as soon as it is decided.

    Example:  ffmpeg -i http://radio.example/stream -f wav - | swish listen -
    """
    if source != "-":
        raise typer.BadParameter(
            "must be -, for standard input; files are for swish segment", param_hint="SOURCE"
        )
    if channel == "split":
        raise typer.BadParameter("one channel can be followed, not all", param_hint="--channel")
    from swishcli.audio import STDIN, AudioStream
    from swishcli.model import load

    decoding = decoding_of(channel=channel, rate=rate, sample_format=sample_format, channels=channels)
    loaded = load(model, device.device, threads=1)
    stream = loaded.stream(every_s=_every_s(loaded.checkpoint.network.causal))
    try:
        sound = AudioStream(
            STDIN,
            loaded.checkpoint.front_end.sample_rate,
            decoding,
            block_s=_BLOCK_S,
            low_latency=True,
        )
        try:
            for block in sound:
                _print(stream.push(block[0]), json)
        except KeyboardInterrupt:
            _print(stream.finish(sound.duration), json)
            raise
        _print(stream.finish(sound.duration), json)
    except AudioError as error:
        print_error(error)
        raise typer.Exit(ExitCode.SOME_FAILED) from None
    print_warnings("standard input", tuple(sound.warnings))


def _every_s(causal: bool) -> float:
    """Seconds between calls of the network: a causal one answers sooner than that of whole recordings."""
    return 0.16 if causal else 0.32


def _print(segments: Iterable[Segment], as_json: bool) -> None:
    from swishcli.formats import segment_to_dict

    for s in segments:
        if as_json:
            print(json_module.dumps(segment_to_dict(s)))
        else:
            print(f"{s.start:.3f}", f"{s.end:.3f}", display_path(s.label), f"{s.confidence:.3f}", sep="\t")
    sys.stdout.flush()
