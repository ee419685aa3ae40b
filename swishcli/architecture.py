"""The shape of a SwishNet: its configuration and everything that follows from it, without torch.

Receptive field, look-ahead, parameters and arithmetic are computed here from `NetworkConfig`; the tests
compare them with what the network in `network.py` measurably does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from math import prod

STEM_KERNELS = (3, 6)
"""Lengths in frames of the two parallel convolutions of a stem layer (Hussain & Haque 2018)."""

REFINEMENT_KERNEL = 3
"""Length in positions of the convolution that refines a fused scale."""

BAND_KERNEL = 3
"""Size in bands and in frames of the convolutions of the time-frequency stem."""
BAND_STRIDES = ((2, 2), (2, 2), (2, 1), (2, 1))
"""Strides of the time-frequency stem's strided layers, in bands and in frames."""
MAX_STRIDE = 4096
"""Frames per position that a network may reach: 41 s at a hop of 10 ms."""


@dataclass(frozen=True)
class Size:
    """A named size of the network."""

    width: int
    band_channels: tuple[int, ...]
    strides: tuple[int, ...]
    causal: bool = False
    delay: int = 0
    audible: bool = True


SIZES = {
    "classic": Size(16, (), (2,) * 8),
    "slim": Size(12, (8, 12, 16, 24), (2,) * 6),
    "wide": Size(24, (12, 24, 32, 48), (2,) * 6),
    "large": Size(48, (16, 32, 64, 96), (2,) * 6),
    "live": Size(12, (8, 12, 16, 24), (2,) * 6, causal=True, delay=24),
}
"""Sizes by name. The classic one convolves over time alone, as in the paper; the live one waits for 0.24 s."""


@dataclass(frozen=True)
class BandLayer:
    """A layer of the time-frequency stem: ``[N, inputs, B, T]`` → ``[N, outputs, B / bands, ceil(T / s)]``."""

    inputs: int
    outputs: int
    band_stride: int
    stride: int
    """In frames."""


@dataclass(frozen=True)
class NetworkConfig:
    """Everything that determines the network's shape; travels in the checkpoint."""

    n_features: int = 64
    """Channels of the input: coefficients of a frame."""
    n_classes: int = 3
    width: int = SIZES["slim"].width
    """Channels of every layer that convolves over time alone."""
    band_channels: tuple[int, ...] = ()
    """Channels of the strided layers of the time-frequency stem; none for a network without it."""
    band_depth: int = 1
    """Residual layers of the time-frequency stem between its second and third strided one."""
    stem_layers: int = 2
    """Multi-scale layers before the first stage, residual but for the first after MFCC."""
    strides: tuple[int, ...] = (2,) * 8
    """Strides of the stages."""
    kernel_per_stride: int = 2
    """A stage of stride s has a convolution of ``kernel_per_stride · s`` frames."""
    output_stride: int = 4
    """Frames per output position; a product of the first strides."""
    causal: bool = False
    """Whether an output position depends on no frame after its own, but for those of the delay."""
    delay: int = 0
    """Frames that a causal network waits for before it answers: a fixed look-ahead."""
    dropout: float = 0.0
    """Share of channels dropped from a stage's gated output during training."""
    audible: bool = False
    """Whether the network also says which classes can be heard, beside which one it is."""

    def __post_init__(self) -> None:
        if self.width < 2 or self.width % 2:
            raise ValueError(f"the width must be even and at least 2, not {self.width}")
        if self.n_features < 1 or self.n_classes < 2:
            raise ValueError("a network needs at least one feature and two classes")
        if self.stem_layers < 1 or self.kernel_per_stride < 1 or any(s < 1 for s in self.strides):
            raise ValueError("a network needs a stem layer, and kernels and strides of at least 1")
        if self.band_channels:
            self._check_bands()
        if self.total_stride > MAX_STRIDE:
            raise ValueError(f"strides must multiply to at most {MAX_STRIDE} frames, not {self.total_stride}")
        if self.output_stride not in self.grids:
            raise ValueError(f"the output stride must be one of {self.grids}, not {self.output_stride}")
        if self.delay < 0 or self.delay % self.output_stride or (self.delay and not self.causal):
            raise ValueError(
                f"the delay must be a multiple of {self.output_stride} frames, of a causal network, "
                f"not {self.delay}"
            )
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must be in [0, 1), not {self.dropout}")

    def _check_bands(self) -> None:
        if len(self.band_channels) != len(BAND_STRIDES) or min(self.band_channels) < 1:
            raise ValueError(f"band_channels must be {len(BAND_STRIDES)} numbers of at least 1, or none")
        if self.band_depth < 0:
            raise ValueError(f"band_depth must be at least 0, not {self.band_depth}")
        divisor = prod(bands for bands, _ in BAND_STRIDES)
        if self.n_features % divisor:
            raise ValueError(
                f"a time-frequency stem needs a multiple of {divisor} features, not {self.n_features}"
            )

    @cached_property
    def band_layers(self) -> tuple[BandLayer, ...]:
        """The layers of the time-frequency stem, in order; none for a network without it."""
        if not self.band_channels:
            return ()
        inputs = (1, *self.band_channels)
        strided = [
            BandLayer(inputs[i], channels, *BAND_STRIDES[i]) for i, channels in enumerate(self.band_channels)
        ]
        deepened = [BandLayer(inputs[2], inputs[2], 1, 1)] * self.band_depth
        return (*strided[:2], *deepened, *strided[2:])

    @cached_property
    def band_outputs(self) -> int:
        """Channels that the time-frequency stem hands on: all its last bands, and the third layer's mean."""
        bands = self.n_features // prod(layer.band_stride for layer in self.band_layers)
        return bands * self.band_channels[-1] + self.band_channels[-2]

    @cached_property
    def grids(self) -> tuple[int, ...]:
        """Frames per position after the stem and after each stage."""
        finest = prod(layer.stride for layer in self.band_layers)
        return tuple(finest * prod(self.strides[:i]) for i in range(len(self.strides) + 1))

    @property
    def total_stride(self) -> int:
        """Frames per position of the coarsest stage; a chunk must start at a multiple of it."""
        return self.grids[-1]

    def n_positions(self, n_frames: int) -> int:
        """Output positions for `n_frames` frames."""
        return -(-n_frames // self.output_stride)

    @cached_property
    def refined(self) -> tuple[int, ...]:
        """Scales whose fused sum goes through a refinement: from the output grid to the last but one."""
        return tuple(i for i, grid in enumerate(self.grids[:-1]) if grid >= self.output_stride)

    def left_padding(self, kernel: int, stride: int) -> int:
        """Zeros before the first frame of a convolution whose position j stands for [j·s, (j+1)·s).

        Centred: the window's middle is the middle of those frames. Causal: it ends with the last of them.
        """
        return kernel - stride if self.causal else (kernel - stride) // 2

    @cached_property
    def _spans(self) -> tuple[tuple[int, int], ...]:
        """First and last frame that each output position of one coarsest position depends on."""
        per_period = self.total_stride // self.output_stride
        # Far enough from frame 0 that no span is cut off or shifted by it.
        base, delay = 4 * per_period, self.delay // self.output_stride
        return tuple(
            (first - base * self.output_stride, last - base * self.output_stride)
            for first, last in (self._output_span(u + delay) for u in range(base, base + per_period))
        )

    def _stage_span(self, stage: int, first: int, last: int) -> tuple[int, int]:
        """Frames that positions `first` to `last` after `stage` (0 is the stem) depend on."""
        for stride in reversed(self.strides[:stage]):
            kernel = self.kernel_per_stride * stride
            first = first * stride - self.left_padding(kernel, stride)
            last = last * stride - self.left_padding(kernel, stride) + kernel - 1
        for _ in range(self.stem_layers):
            padding = self.left_padding(max(STEM_KERNELS), 1)
            first, last = first - padding, last - padding + max(STEM_KERNELS) - 1
        for layer in reversed(self.band_layers):
            padding = self.left_padding(BAND_KERNEL, layer.stride)
            first = first * layer.stride - padding
            last = last * layer.stride - padding + BAND_KERNEL - 1
        return first, last

    def _output_span(self, position: int) -> tuple[int, int]:
        """Frames that an output position depends on, through every stage that feeds the classifier."""
        output = self.grids.index(self.output_stride)
        on_output_grid = at = self._refined_from(output, position, position)
        spans = []
        for stage, grid in enumerate(self.grids):
            if stage <= output:
                per_position = self.output_stride // grid
                at = (on_output_grid[0] * per_position, (on_output_grid[1] + 1) * per_position - 1)
            else:
                at = self._refined_from(stage, *self.upsampled_from(self.strides[stage - 1], *at))
            spans.append(self._stage_span(stage, *at))
        return min(s[0] for s in spans), max(s[1] for s in spans)

    def _refined_from(self, scale: int, first: int, last: int) -> tuple[int, int]:
        """Positions of a fused scale that the refined positions `first` to `last` are made from."""
        if scale not in self.refined:
            return first, last
        padding = self.left_padding(REFINEMENT_KERNEL, 1)
        return first - padding, last - padding + REFINEMENT_KERNEL - 1

    def upsampled_from(self, stride: int, first: int, last: int) -> tuple[int, int]:
        """Positions of the coarser grid that positions `first` to `last` of the finer one are made from.

        Centred: the nearest ones on both sides (linear interpolation). Causal: the last complete one.
        """
        if self.causal:
            return (first + 1) // stride - 1, (last + 1) // stride - 1
        if stride == 1:
            return first, last
        return (2 * first + 1 - stride) // (2 * stride), -((stride - 1 - 2 * last) // (2 * stride))

    @cached_property
    def look_back(self) -> int:
        """Frames before its own first one that an output position depends on, at most."""
        return max(u * self.output_stride - first for u, (first, _) in enumerate(self._spans))

    @cached_property
    def look_ahead(self) -> int:
        """Frames after its own last one that an output position depends on, at most; the delay if causal."""
        return max(last - (u + 1) * self.output_stride + 1 for u, (_, last) in enumerate(self._spans))

    @property
    def receptive_field(self) -> int:
        """Frames that the output positions of one coarsest position depend on, each seen from its own."""
        return self.look_back + self.output_stride + self.look_ahead

    @cached_property
    def _convolutions(self) -> dict[str, tuple[tuple[int, ...], float]]:
        """By name: shape of the weights (outputs, inputs, kernel) and positions of the output per frame."""
        width, grids = self.width, self.grids
        layers: dict[str, tuple[tuple[int, ...], float]] = dict(self._band_convolutions)
        for i in range(self.stem_layers):
            inputs = width if i or self.band_layers else self.n_features
            for b, kernel in enumerate(STEM_KERNELS):
                layers[f"stem.{i}.branches.{b}.conv"] = (width, inputs, kernel), 1 / grids[0]
        for i, (stride, grid) in enumerate(zip(self.strides, grids[1:], strict=True)):
            layers[f"stages.{i}.gated.conv"] = (2 * width, width, self.kernel_per_stride * stride), 1 / grid
        for i, grid in enumerate(grids):
            layers[f"fusion.{i}"] = (width, width, 1), 1 / max(grid, self.output_stride)
        for i in self.refined:
            layers[f"refinements.{i}.conv"] = (2 * width, width, REFINEMENT_KERNEL), 1 / grids[i]
        layers["head"] = (self.n_classes, width // 2, 1), 1 / self.output_stride
        if self.audible:
            layers["audible"] = (self.n_classes, width, 1), 1 / self.output_stride
        return layers

    @property
    def _band_convolutions(self) -> Iterator[tuple[str, tuple[tuple[int, ...], float]]]:
        """Those of the time-frequency stem; an output of theirs has a position per band."""
        bands, grid = self.n_features, 1
        for i, layer in enumerate(self.band_layers):
            bands, grid = bands // layer.band_stride, grid * layer.stride
            inputs, outputs = layer.inputs, layer.outputs
            yield (
                f"bands.layers.{i}.gated.conv",
                ((2 * outputs, inputs, BAND_KERNEL, BAND_KERNEL), bands / grid),
            )
            if inputs != outputs:
                yield f"bands.layers.{i}.shortcut", ((outputs, inputs, 1, 1), bands / grid)
        if self.band_layers:
            yield "bands.projection", ((self.width, self.band_outputs, 1), 1 / grid)

    @cached_property
    def weight_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes of all tensors of the network's state, by their names."""
        shapes: dict[str, tuple[int, ...]] = _statistics("input_norm", self.n_features)
        for name, (shape, _) in self._convolutions.items():
            shapes[f"{name}.weight"] = shape
            if name.endswith(".conv"):
                norm = name.removesuffix("conv") + "norm"
                shapes |= {f"{norm}.weight": shape[:1], f"{norm}.bias": shape[:1]} | _statistics(
                    norm, shape[0]
                )
            elif name in ("bands.projection", "fusion.0", "head", "audible"):
                shapes[f"{name}.bias"] = shape[:1]
        return shapes

    @property
    def n_parameters(self) -> int:
        """Trained numbers: weights and offsets, the running statistics of batch norms not counted."""
        counted = (s for name, s in self.weight_shapes.items() if name.endswith((".weight", ".bias")))
        return sum(prod(shape) for shape in counted)

    def macs_per_second(self, hop_s: float) -> float:
        """Multiply–accumulates of the convolutions per second of audio at a hop of `hop_s` seconds."""
        rotation = self.n_features**2 if self.band_layers else 0
        return (
            rotation + sum(prod(shape) * per_frame for shape, per_frame in self._convolutions.values())
        ) / hop_s


def _statistics(norm: str, channels: int) -> dict[str, tuple[int, ...]]:
    """Shapes of what a batch norm keeps beside its trained numbers."""
    return {
        f"{norm}.running_mean": (channels,),
        f"{norm}.running_var": (channels,),
        f"{norm}.num_batches_tracked": (),
    }
