"""``swish listen``: the segments of sound that is still being made."""

from __future__ import annotations

import json as json_module
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from swishcli.cli.console import console, print_error, print_warnings
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
from swishcli.files import is_audio

if TYPE_CHECKING:
    from swishcli.audio import AudioStream, Decoding, Samples
    from swishcli.live import Heard, Listener
    from swishcli.model import Model
    from swishcli.recorder import Recorder
    from swishcli.segments import Segment

_BLOCK_S = 0.05
"""Seconds of standard input taken at a time."""

Show = Callable[["Segment", Path | None], None]


def listen(
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="SOURCE",
            help="- for standard input, or the number or a part of the name of a microphone; by default the "
            "system's microphone.",
            show_default=False,
        ),
    ] = None,
    model: ModelOption = "live",
    device: DeviceOption = DeviceName.auto,
    json: Annotated[bool, typer.Option("--json", help="JSON Lines, an object a segment.")] = False,
    save: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write each segment as a FLAC file named after its time and label."),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="LABEL", help="Print and save the segments of this class; may be repeated."),
    ] = None,
    channel: Annotated[
        str | None, typer.Option(help="Of standard input: a channel, from 0; by default all in one.")
    ] = None,
    rate: RateOption = None,
    sample_format: SampleFormatOption = "s16le",
    channels: ChannelsOption = 1,
) -> None:
    """Follow a microphone or standard input and print each segment as soon as it is decided.

    A terminal shows meters of the classes and a timeline of what was heard last.

    The model live answers 0.45 s after a sound; segments come out when the next has lasted for a moment.

    Examples:  swish listen   ·   ffmpeg -i http://radio.example/stream -f wav - | swish listen - --save clips/
    """
    if channel == "split":
        raise typer.BadParameter("one channel can be followed, not all", param_hint="--channel")
    if source is not None and is_audio(Path(source)):
        raise typer.BadParameter(
            f"{display_path(source)} is a recording by its name: that is for swish segment",
            param_hint="SOURCE",
        )
    decoding = decoding_of(channel=channel, rate=rate, sample_format=sample_format, channels=channels)
    from swishcli.model import load

    loaded = load(model, device.device, threads=1)
    wanted = _wanted(only, loaded)
    try:
        if source == "-":
            _follow_input(loaded, decoding, wanted, save, json)
        else:
            _follow_microphone(loaded, source, wanted, save, json)
    except AudioError as error:
        print_error(error)
        raise typer.Exit(ExitCode.SOME_FAILED) from None


def _wanted(only: list[str] | None, model: Model) -> frozenset[str]:
    """Labels whose segments are printed and saved. Raises BadParameter."""
    from swishcli.segments import SILENCE

    labels = (*model.classes, SILENCE)
    unknown = [name for name in only or [] if name not in labels]
    if unknown:
        raise typer.BadParameter(f"{unknown[0]!r} is none of {', '.join(labels)}", param_hint="--only")
    return frozenset(only or labels)


def _follow_input(
    model: Model, decoding: Decoding, wanted: frozenset[str], save: Path | None, json: bool
) -> None:
    from swishcli.audio import STDIN, AudioStream

    sound = AudioStream(STDIN, None, decoding, block_s=_BLOCK_S, low_latency=True)
    _follow(model, _mono(sound), sound.sample_rate, "standard input", wanted, save, json)
    print_warnings("standard input", tuple(sound.warnings))


def _mono(sound: AudioStream) -> Iterator[Samples]:
    return (block[0] for block in sound)


def _follow_microphone(
    model: Model, name: str | None, wanted: frozenset[str], save: Path | None, json: bool
) -> None:
    from swishcli.microphone import Microphone

    microphone = Microphone(int(name) if name is not None and name.isdecimal() else name)
    _follow(model, microphone, microphone.sample_rate, microphone.name, wanted, save, json)


def _follow(
    model: Model,
    blocks: Iterable[Samples],
    sample_rate: int,
    source: str,
    wanted: frozenset[str],
    save: Path | None,
    json: bool,
) -> None:
    """Print and save segments until the source ends, or Ctrl-C."""
    from datetime import datetime

    from swishcli.live import Listener
    from swishcli.recorder import Recorder

    with ExitStack() as stack:
        recorder = None
        if save is not None:
            recorder = Recorder(save, sample_rate, datetime.now(), wanted)
            stack.callback(recorder.close)
        listener = stack.enter_context(Listener(model, blocks, sample_rate))
        watch, show = _output(stack, model, listener, source, json)
        try:
            for heard in listener:
                watch(heard)
                _take(heard, recorder, wanted, show)
        except KeyboardInterrupt:
            _take(listener.finish(), recorder, wanted, show)
            raise


def _take(heard: Heard, recorder: Recorder | None, wanted: frozenset[str], show: Show) -> None:
    if recorder is not None:
        recorder.push(heard.block)
    for segment in heard.segments:
        file = None if recorder is None else recorder.write(segment)
        if segment.label in wanted:
            show(segment, file)


def _output(
    stack: ExitStack, model: Model, listener: Listener, source: str, json: bool
) -> tuple[Callable[[Heard], None], Show]:
    """What is told of every moment, and of every segment: a screen on a terminal, else lines."""
    if json:
        return (lambda heard: None), _print_json
    if not sys.stdout.isatty():
        return (lambda heard: None), _print_text
    from swishcli.cli.live_screen import LiveScreen

    checkpoint = model.checkpoint
    position_s = checkpoint.position_samples / checkpoint.front_end.sample_rate
    silence_dbfs = model.smoothing.silence_dbfs
    screen = stack.enter_context(
        LiveScreen(console(), model.classes, silence_dbfs, position_s, source, listener.latency_s)
    )
    return screen.show, screen.print


def _print_json(segment: Segment, file: Path | None) -> None:
    from swishcli.formats import segment_to_dict

    saved = {} if file is None else {"file": str(file)}
    print(json_module.dumps({**segment_to_dict(segment), **saved}), flush=True)


def _print_text(segment: Segment, file: Path | None) -> None:
    saved = [] if file is None else [display_path(file)]
    times = (f"{segment.start:.3f}", f"{segment.end:.3f}")
    print(*times, display_path(segment.label), f"{segment.confidence:.3f}", *saved, sep="\t", flush=True)
