"""Sound that is still being made, followed: what is heard at every moment, and segments as they are decided.

    microphone, pipe ─ a thread that waits for it ─→ blocks ─ Stream ─→ Heard ─ screen, lines, recordings

Whoever iterates over a `Listener` never waits for the source: where no sound comes, that is said.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType

import numpy as np

from swishcli.analysis import EVERY_S
from swishcli.audio import Samples
from swishcli.inference import FrameScores
from swishcli.model import Model
from swishcli.segments import Segment

CAUSAL_EVERY_S = 0.16
"""Seconds between calls of a causal network, which answers sooner than that of whole recordings."""
TICK_S = 0.25
"""Seconds without sound after which that is said."""

_NOTHING: Samples = np.zeros(0, np.float32)
_BLOCKS_HELD = 256
"""Blocks that may wait for the network; a source that can wait itself does so then."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What a block of sound brought, or that none came."""

    time_s: float
    """Seconds of sound so far."""
    block: Samples
    """The samples ``[n]``; empty where none came."""
    scores: tuple[FrameScores, ...] = ()
    """Of the positions that were answered."""
    segments: tuple[Segment, ...] = ()
    """Those that were decided."""
    waiting_s: float = 0.0
    """Seconds since sound came last."""
    computing_s: float = 0.0
    """Seconds from the arrival of the block to its answer: what comes on top of `Listener.latency_s`."""


class Listener:
    """Follows a source of sound with a model; iterate over it once.

        with Listener(swishcli.load("live"), microphone, microphone.sample_rate) as listener:
            for heard in listener:
                for segment in heard.segments:
                    print(segment)

    Parameters
    ----------
    model : Model
        A causal one answers soonest.
    blocks : iterable of arrays
        Mono samples ``[n]`` as they come; a thread waits for them.
    sample_rate : int
        Of the blocks, in Hz.

    Raises
    ------
    SwishError
        While iterating, what the source raised; all that came before has been answered then.
    """

    def __init__(self, model: Model, blocks: Iterable[Samples], sample_rate: int) -> None:
        self._scores: list[FrameScores] = []
        every_s = CAUSAL_EVERY_S if model.checkpoint.network.causal else EVERY_S
        self._stream = model.stream(sample_rate, every_s, self._scores.append)
        self._blocks, self._sample_rate = blocks, sample_rate
        self._n_samples = 0
        self._finished = False
        self._arrived: queue.Queue[tuple[float, Samples] | Exception | None] = queue.Queue(_BLOCKS_HELD)
        self._stop = threading.Event()

    @property
    def latency_s(self) -> float:
        """Seconds after which a sound has been answered, computing apart."""
        return self._stream.latency_s

    def __enter__(self) -> Listener:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def __iter__(self) -> Iterator[Heard]:
        # No daemon: one that waits for standard input would break an interpreter that ends.
        threading.Thread(target=self._read, name="swish-listener").start()
        last_s = time.monotonic()
        while not self._stop.is_set():
            try:
                item = self._arrived.get(timeout=TICK_S)
            except queue.Empty:
                yield self._heard(waiting_s=time.monotonic() - last_s)
                continue
            if isinstance(item, tuple):
                last_s, block = item
                segments = self._stream.push(block)
                self._n_samples += len(block)
                yield self._heard(block, segments, computing_s=time.monotonic() - last_s)
                continue
            yield self.finish()
            if item is not None:
                raise item
            return

    def stop(self) -> None:
        """End iterations, and the thread with the block that it waits for."""
        self._stop.set()

    def finish(self) -> Heard:
        """Answer what is left, as at the end of the source; nothing the second time."""
        segments = [] if self._finished else self._stream.finish()
        self._finished = True
        self.stop()
        return self._heard(segments=segments)

    def _heard(
        self,
        block: Samples = _NOTHING,
        segments: Sequence[Segment] = (),
        waiting_s: float = 0.0,
        computing_s: float = 0.0,
    ) -> Heard:
        scores, self._scores[:] = tuple(self._scores), []
        time_s = self._n_samples / self._sample_rate
        return Heard(time_s, block, scores, tuple(segments), waiting_s, computing_s)

    def _read(self) -> None:
        try:
            for block in self._blocks:
                self._put((time.monotonic(), block))
                if self._stop.is_set():
                    return
            self._put(None)
        except Exception as error:  # raised on where the sound is heard
            self._put(error)

    def _put(self, item: tuple[float, Samples] | Exception | None) -> None:
        while not self._stop.is_set():
            try:
                return self._arrived.put(item, timeout=TICK_S)
            except queue.Full:
                continue
