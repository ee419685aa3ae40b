"""A microphone as blocks of samples, through sounddevice; one that goes away is waited for.

Blocks keep time: what was lost while the microphone was away, or because nobody took the sound, comes as silence.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import numpy as np
import numpy.typing as npt

from swishcli.audio import Samples
from swishcli.errors import AudioError, MissingDependencyError, SwishError

BLOCK_S = 0.05
"""Seconds of a block."""

_LOST_S = 2.0
"""Seconds without a block after which a microphone counts as gone."""
_AGAIN_S = 1.0
"""Seconds from one attempt to open it to the next."""
_MOST_HELD = round(60 / BLOCK_S)
_SILENCE_S = 1.0
"""Longest block of silence."""


class Microphone:
    """Iterate, endlessly, over the mono float32 blocks ``[n]`` of a microphone.

    Parameters
    ----------
    device : str or int, optional
        A number or a part of a name; by default the system's own choice.

    Attributes
    ----------
    name : str
    sample_rate : int
        That of the device, in Hz.

    Raises
    ------
    MissingDependencyError
        Where sounddevice or PortAudio is not installed.
    AudioError
        Where there is no such microphone, or it cannot be opened.
    """

    def __init__(self, device: str | int | None = None) -> None:
        self._sounddevice = _import_sounddevice()
        self._device = device
        try:
            found = self._sounddevice.query_devices(device, "input")
        except (ValueError, self._sounddevice.PortAudioError) as error:
            name = "microphone" if device is None else f"microphone {device}"
            raise AudioError(name, f"is not there{self._known(error)}") from None
        self.name = str(found["name"])
        self.sample_rate = round(found["default_samplerate"])
        self._blocks: queue.Queue[tuple[Samples, float, bool]] = queue.Queue(_MOST_HELD)
        self._stream: Any = None
        self._open()

    def __iter__(self) -> Iterator[Samples]:
        last_s = time.monotonic()
        ends_s: float | None = None  # by the device's clock, where the last block ended
        try:
            while True:
                try:
                    block, begins_s, overflowed = self._blocks.get(timeout=_LOST_S)
                except queue.Empty:
                    self._wait_for_device()
                    yield from self._silence(time.monotonic() - last_s)
                    last_s, ends_s = time.monotonic(), None
                    continue
                if overflowed and ends_s is not None:
                    yield from self._silence(begins_s - ends_s)
                yield block
                last_s, ends_s = time.monotonic(), begins_s + len(block) / self.sample_rate
        finally:
            self._close()

    def _open(self) -> None:
        try:
            self._stream = self._sounddevice.InputStream(
                samplerate=self.sample_rate,
                blocksize=round(BLOCK_S * self.sample_rate),
                device=self._device,
                channels=1,
                dtype="float32",
                callback=self._take,
            )
            self._stream.start()
        except (ValueError, self._sounddevice.PortAudioError) as error:
            raise AudioError(self.name, f"cannot be opened: {error}") from None

    def _take(self, samples: npt.NDArray[np.float32], n: int, times: Any, status: Any) -> None:
        """Called by PortAudio's thread, which must not wait."""
        item = (
            np.nan_to_num(samples[:, 0], posinf=0, neginf=0),
            float(times.inputBufferAdcTime),
            bool(status.input_overflow),
        )
        with suppress(queue.Full):
            self._blocks.put_nowait(item)

    def _wait_for_device(self) -> None:
        self._close()
        while True:
            # The list of devices is made when PortAudio starts: one that came back is on a new list only.
            self._sounddevice._terminate()
            self._sounddevice._initialize()
            try:
                return self._open()
            except AudioError:
                time.sleep(_AGAIN_S)

    def _close(self) -> None:
        if self._stream is not None:
            with suppress(self._sounddevice.PortAudioError):
                self._stream.close(ignore_errors=True)
            self._stream = None

    def _silence(self, seconds: float) -> Iterator[Samples]:
        missing = round(seconds * self.sample_rate)
        longest = round(_SILENCE_S * self.sample_rate)
        while missing > 0:
            yield np.zeros(min(longest, missing), np.float32)
            missing -= longest

    def _known(self, error: Exception) -> str:
        with suppress(self._sounddevice.PortAudioError):
            devices = self._sounddevice.query_devices()
            inputs = [f"{i} {d['name']}" for i, d in enumerate(devices) if d["max_input_channels"] > 0]
            return f" (there are: {', '.join(inputs)})" if inputs else ": this machine has none"
        return f": {error}"


def _import_sounddevice() -> Any:
    try:
        import sounddevice
    except ImportError:
        raise MissingDependencyError(
            "a microphone needs sounddevice: pip install 'swishcli[listen]'; any other sound can be piped into "
            "swish listen -"
        ) from None
    except OSError:
        raise SwishError(
            "sounddevice finds no PortAudio, which is libportaudio2 on Debian and Ubuntu, portaudio elsewhere"
        ) from None
    return sounddevice
