"""Samples in, frame scores out: chunks with context through an engine.

    blocks of samples ─ MFCC ─→ chunks of frames, each with the receptive field around it ─ engine ─→ logits

A chunk carries as many frames of context on both sides as the network can see, and starts where the coarsest
stage starts a position: its logits are those of the whole recording (within float rounding), and memory does
not grow with the recording's length.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from swishcli.architecture import NetworkConfig
from swishcli.audio import Samples
from swishcli.checkpoint import Checkpoint
from swishcli.engines import Engine
from swishcli.features import Features, feature_blocks
from swishcli.smoothing import log_softmax

CHUNK_FRAMES = 4096
"""Frames per call of the network, context apart."""

_BLOCKS_AHEAD = 2

Item = TypeVar("Item")

_QUIETEST = 1e-20  # mean square of digital silence, so that its level is a number: -200 dBFS


@dataclass(frozen=True, slots=True)
class FrameScores:
    """What the network says about a stretch of a recording, all rows (channels) side by side."""

    logits: npt.NDArray[np.float32]
    """``[rows, P, K]``."""
    level_db: npt.NDArray[np.float32]
    """``[rows, P]``: level of the samples each position stands for, in dBFS, an offset of theirs apart."""
    audible: npt.NDArray[np.float32] | None = None
    """Log-odds of each class to be heard, ``[rows, P, K]``; None from a network that does not say it."""

    @property
    def posteriors(self) -> npt.NDArray[np.float32]:
        """Probability of each class, ``[rows, P, K]``."""
        return np.exp(log_softmax(self.logits)).astype(np.float32)


def frame_scores(
    blocks: Iterable[Samples],
    rows: int,
    checkpoint: Checkpoint,
    engine: Engine,
    chunk_frames: int = CHUNK_FRAMES,
    threads: int = 1,
) -> Iterator[FrameScores]:
    """Run the network over blocks of samples ``[rows, n]``; the chunks' positions follow each other.

    With several `threads` blocks are decoded and turned into features while the network runs, each a few
    ahead of what takes them.
    """
    runner = ChunkRunner(checkpoint, rows, engine, chunk_frames)
    with ThreadPoolExecutor(threads) as pool, ExitStack() as stack:

        def ahead(items: Iterator[Item]) -> Iterator[Item]:
            return stack.enter_context(closing(_ahead(items))) if threads > 1 else items

        decoded = ahead(iter(blocks))
        features = feature_blocks(decoded, rows, checkpoint.front_end, pool if threads > 1 else None)
        for block in ahead(features):
            yield from runner.push(*block)
        yield from runner.finish()


def _ahead(items: Iterator[Item]) -> Generator[Item]:
    """The same items, made by a thread that is a few of them ahead."""
    ready: queue.Queue[tuple[Item | None, BaseException | None]] = queue.Queue(_BLOCKS_AHEAD)
    stop = threading.Event()

    def put(item: Item | None, error: BaseException | None) -> None:
        while not stop.is_set():
            try:
                return ready.put((item, error), timeout=0.1)
            except queue.Full:
                continue

    def make() -> None:
        try:
            for item in items:
                put(item, None)
                if stop.is_set():
                    return
            put(None, None)
        except BaseException as error:  # raised on where the items are taken
            put(None, error)

    thread = threading.Thread(target=make, daemon=True)
    thread.start()
    try:
        while True:
            item, error = ready.get()
            if error is not None:
                raise error
            if item is None:
                return
            yield item
    finally:
        stop.set()
        thread.join()


class ChunkRunner:
    """Runs the network over frames as they come, a chunk of `chunk_frames` at a time."""

    def __init__(self, checkpoint: Checkpoint, rows: int, engine: Engine, chunk_frames: int) -> None:
        self._network, self._engine = checkpoint.network, engine
        self._chunker = _Chunker(checkpoint.network, rows, chunk_frames)

    def push(self, features: Features, moments: Features) -> Iterator[FrameScores]:
        """Take features ``[rows, T, F]`` and moments ``[rows, T, 2]``; yield what is complete with them."""
        self._chunker.add(features, moments)
        while self._chunker.complete:
            yield _run(self._chunker.take(), self._network, self._engine)

    def finish(self) -> Iterator[FrameScores]:
        """Yield what is left at the end of the recording."""
        while self._chunker.left:
            yield _run(self._chunker.take(), self._network, self._engine)


@dataclass(frozen=True, slots=True)
class _Chunk:
    features: Features
    """``[rows, F, T]``, the context included."""
    moments: Features
    """``[rows, T, 2]`` of the chunk's own frames."""
    context: int
    """Frames before the chunk's own first."""


class _Chunker:
    """Collects frames and cuts them into chunks with context.

    What it hands out starts where the coarsest stage starts a position, so that every stage cuts its frames
    as it does in the whole recording.
    """

    def __init__(self, network: NetworkConfig, rows: int, chunk_frames: int) -> None:
        self._length = -(-chunk_frames // network.output_stride) * network.output_stride
        self._network = network
        self._features = np.zeros((rows, 0, network.n_features), np.float32)
        self._moments = np.zeros((rows, 0, 2), np.float32)
        self._first_held = 0  # frame of the recording that the arrays start with
        self._next = 0  # frame of the recording that the next chunk starts with
        self._pending: list[tuple[Features, Features]] = []
        self._n_pending = 0

    @property
    def left(self) -> int:
        """Frames that no chunk has had as its own."""
        return self._first_held + self._moments.shape[1] + self._n_pending - self._next

    @property
    def complete(self) -> bool:
        """Whether a chunk and its context are there."""
        return self.left >= self._length + self._network.look_ahead

    def add(self, features: Features, moments: Features) -> None:
        self._pending.append((features, moments))
        self._n_pending += moments.shape[1]

    def take(self) -> _Chunk:
        """The next chunk; shorter only at the end of the recording."""
        if self._pending:
            features, moments = zip(*self._pending, strict=True)
            self._features = np.concatenate([self._features, *features], axis=1)
            self._moments = np.concatenate([self._moments, *moments], axis=1)
            self._pending, self._n_pending = [], 0
        start = self._next - self._first_held
        stop = min(start + self._length, self._moments.shape[1])
        seen = self._features[:, : stop + self._network.look_ahead]
        chunk = _Chunk(np.ascontiguousarray(seen.transpose(0, 2, 1)), self._moments[:, start:stop], start)
        self._next += stop - start
        stride = self._network.total_stride
        keep_from = max(0, self._next - self._network.look_back) // stride * stride
        drop = max(0, keep_from - self._first_held)
        self._features, self._moments = self._features[:, drop:], self._moments[:, drop:]
        self._first_held += drop
        return chunk


def _run(chunk: _Chunk, network: NetworkConfig, engine: Engine) -> FrameScores:
    stride = network.output_stride
    n_frames = chunk.moments.shape[1]
    first, count = chunk.context // stride, network.n_positions(n_frames)
    outputs = engine(chunk.features)

    def own(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        return np.ascontiguousarray(values[:, :, first : first + count].transpose(0, 2, 1))

    level_db = 10 * np.log10(_variances(chunk.moments, stride) + _QUIETEST)
    audible = None if outputs.audible is None else own(outputs.audible)
    return FrameScores(own(outputs.logits), level_db.astype(np.float32), audible)


def _variances(moments: Features, stride: int) -> Features:
    """Of the samples of every `stride` frames, about their mean: an offset of the samples is no sound."""
    starts = np.arange(0, moments.shape[1], stride)
    frames = np.minimum(stride, moments.shape[1] - starts)
    means = np.add.reduceat(moments[..., 0], starts, axis=1) / frames
    about_mean = moments[..., 1] + (moments[..., 0] - means.repeat(frames, axis=1)) ** 2
    return np.add.reduceat(about_mean, starts, axis=1) / frames
