"""Segments of sound that is still coming in.

    stream = model.stream(sample_rate=48000)
    for block in microphone:            # float samples [n], blocks of any size
        for segment in stream.push(block):
            print(segment)
    for segment in stream.finish():
        print(segment)

The segments are those of the whole recording: the network looks ahead by the same frames, and smoothing
decides what nothing to come can change. How long that takes is `Stream.latency_s`; a causal model
(``[network] causal = true``) looks at nothing that is still to come.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import soxr

from swishcli.audio import Samples
from swishcli.checkpoint import Checkpoint
from swishcli.engines import Engine
from swishcli.features import MfccStream
from swishcli.inference import ChunkRunner, FrameScores
from swishcli.segments import Segment
from swishcli.smoothing import SmoothingConfig

EVERY_S = 0.32
"""Seconds from one call of the network to the next: longer saves work, shorter answers sooner."""


class Stream:
    """A recording that arrives in blocks.

    Parameters
    ----------
    checkpoint : Checkpoint
    engine : Engine
    smoothing : SmoothingConfig
    sample_rate : int, optional
        Of the blocks, in Hz; by default the model's own.
    every_s : float
        Seconds from one call of the network to the next.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        engine: Engine,
        smoothing: SmoothingConfig,
        sample_rate: int | None = None,
        every_s: float = EVERY_S,
    ) -> None:
        front_end, network = checkpoint.front_end, checkpoint.network
        self._sample_rate = sample_rate or front_end.sample_rate
        self._n_samples = 0
        self._resampler = None
        if self._sample_rate != front_end.sample_rate:
            self._resampler = soxr.ResampleStream(
                self._sample_rate, front_end.sample_rate, 1, dtype="float32"
            )
        self._mfcc = MfccStream(front_end)
        every = max(1, round(every_s / front_end.hop_s))
        self._runner = ChunkRunner(checkpoint, 1, engine, every)
        self._smoother = checkpoint.smoother(smoothing)
        window_tail = front_end.padding / front_end.sample_rate
        self.latency_s = (every + network.output_stride + network.look_ahead) * front_end.hop_s + window_tail
        """Seconds after which a sound has had its part in the scores, the resampler's few ms apart.

        A segment comes out later than that: once the next has begun and outlasted the minimum duration.
        """

    def push(self, samples: Samples) -> list[Segment]:
        """Take mono samples ``[n]``, full scale at ±1; return the segments that are decided with them."""
        self._n_samples += len(samples)
        block = samples.astype(np.float32, copy=False)
        if self._resampler is not None:
            block = self._resampler.resample_chunk(block)
        return list(self._smooth(self._runner.push(*self._mfcc.push(block[None]))))

    def finish(self, duration: float | None = None) -> list[Segment]:
        """Return what is left; the last segment ends at `duration` seconds, by default the last sample's."""
        segments: list[Segment] = []
        if self._resampler is not None:
            rest = self._resampler.resample_chunk(np.zeros(0, np.float32), last=True)
            segments += self._smooth(self._runner.push(*self._mfcc.push(rest[None])))
        segments += self._smooth(self._runner.push(*self._mfcc.finish()))
        segments += self._smooth(self._runner.finish())
        end = self._n_samples / self._sample_rate if duration is None else duration
        return segments + list(self._smoother.finish(end))

    def _smooth(self, chunks: Iterable[FrameScores]) -> Iterator[Segment]:
        for chunk in chunks:
            yield from self._smoother.push(chunk.logits[0], chunk.level_db[0])
