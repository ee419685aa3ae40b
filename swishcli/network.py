"""SwishNet: strided, gated, residual 1-D convolutions over MFCC frames.

After Hussain & Haque 2018, *SwishNet: A Fast Convolutional Neural Network for Speech, Music and Noise
Classification and Segmentation* (arXiv:1812.00149). With C channels, T frames and K classes:

    MFCC [N, F, T] ─ input norm
      ├ multi-scale stem: gated convolutions of 3 and 6 frames, side by side      [N, C, T]
      ├ stage 1: gated convolution of stride 2 + average-pooled shortcut          [N, C, ceil(T / 2)]
      ├ …
      └ stage 8                                                                   [N, C, ceil(T / 256)]
    coarsest to finest: the sum so far, upsampled, + a 1×1 convolution of the stage   (fusion),
                        + a gated convolution of 3 positions of that sum              (refinement)
    on the output grid of 4 frames: gate, 1×1 convolution ─→ logits               [N, K, ceil(T / 4)]
                                          1×1 convolution ─→ what is audible      [N, K, ceil(T / 4)]

The paper's network ends with its stages. The way back, fine again after coarse, is that of Ronneberger et al.
2015, *U-Net*: a refinement sees what a stage heard nearby and what the coarser ones make of the surroundings,
so that a boundary can be both certain and sharp.

Strides make time cheap: the last stages cost next to nothing and see seconds. No layer ever crops: position
j of a grid with s frames per position stands for frames ``[j·s, (j+1)·s)``, on every path.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from swishcli.architecture import BAND_KERNEL, REFINEMENT_KERNEL, STEM_KERNELS, BandLayer, NetworkConfig
from swishcli.checkpoint import Checkpoint
from swishcli.features import dct_matrix

IGNORE = -100
"""Label of frames that the loss does not count."""
_ABSENT = 0.05
"""Below this probability in a teacher's opinion a class cannot be heard."""


def gate(x: Tensor) -> Tensor:
    """Gated activation ``sigmoid(a) · tanh(b)`` of the two halves of the channels: [N, 2C, T] → [N, C, T].

    van den Oord et al. 2016, *Conditional Image Generation with PixelCNN Decoders*, eq. 2.
    """
    a, b = x.chunk(2, dim=1)
    return torch.sigmoid(a) * torch.tanh(b)


class GatedConv(nn.Module):
    """Padded convolution to 2C channels, batch norm, gate: [N, C_in, T] → [N, C, ceil(T / stride)].

    One convolution makes both halves of the gate; the batch norm behind it folds into it for inference.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, config: NetworkConfig) -> None:
        super().__init__()
        if kernel < stride:
            raise ValueError(f"a kernel of {kernel} frames leaves frames unseen at a stride of {stride}")
        self.kernel, self.stride = kernel, stride
        self.left = config.left_padding(kernel, stride)
        self.conv = nn.Conv1d(inputs, 2 * outputs, kernel, stride, bias=False)
        self.norm = nn.BatchNorm1d(2 * outputs)

    def forward(self, x: Tensor) -> Tensor:
        # The last position may stand for frames past the end: they are zeros, like those before the start.
        missing = -x.shape[-1] % self.stride
        x = functional.pad(x, (self.left, missing + self.kernel - self.stride - self.left))
        return gate(self.norm(self.conv(x)))


class InverseDct(nn.Module):
    """MFCC back to bands: [N, F, T] → [N, F, T], a fixed 1×1 convolution.

    As many coefficients as there are mel bands are a rotation of the log-mel spectrum (the DCT is
    orthonormal), and its transpose turns them back; fewer give a smoothed spectrum of that many bands.
    """

    def __init__(self, n_features: int) -> None:
        super().__init__()
        inverse = torch.from_numpy(dct_matrix(n_features, n_features)).float()
        self.inverse = nn.Buffer(inverse[:, :, None], persistent=False)

    def forward(self, features: Tensor) -> Tensor:
        return functional.conv1d(features, self.inverse)


class BandStem(nn.Module):
    """Time-frequency stem: bands [N, B, T] → [N, C, ceil(T / 4)].

    A convolution over time alone ties what it learns to absolute bands: the same voice or instrument a third
    higher is another sound to it. Here patterns of bands × frames are learnt wherever they stand; only the
    last layer's few bands keep their place. The third layer's mean over its bands, where pitch no longer
    counts at all, is set beside them.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(BandStage(layer, config) for layer in config.band_layers)
        self.projection = nn.Conv1d(config.band_outputs, config.width, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = x[:, None]
        for layer in self.layers[:-1]:
            x = layer(x)
        return cast(Tensor, self.projection(torch.cat([self.layers[-1](x).flatten(1, 2), x.mean(2)], dim=1)))


class BandStage(nn.Module):
    """Strided residual layer over bands × frames: [N, C_in, B, T] → [N, C, B / band_stride, ceil(T / s)].

    The shortcut is averaged to the layer's own grid, as a `Stage`'s is, and brought to its channels by a
    1×1 convolution where those differ.
    """

    def __init__(self, layer: BandLayer, config: NetworkConfig) -> None:
        super().__init__()
        self.strides = layer.band_stride, layer.stride
        self.gated = BandGatedConv(layer, config)
        self.shortcut: nn.Module = nn.Identity()
        if layer.inputs != layer.outputs:
            self.shortcut = nn.Conv2d(layer.inputs, layer.outputs, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        short = x
        if self.strides != (1, 1):
            short = functional.avg_pool2d(x, self.strides, ceil_mode=True, count_include_pad=False)
        return cast(Tensor, self.shortcut(short) + self.gated(x))


class BandGatedConv(nn.Module):
    """`GatedConv` over bands × frames: [N, C_in, B, T] → [N, C, B / band_stride, ceil(T / stride)]."""

    def __init__(self, layer: BandLayer, config: NetworkConfig) -> None:
        super().__init__()
        strides = layer.band_stride, layer.stride
        self.left, self.stride = config.left_padding(BAND_KERNEL, layer.stride), layer.stride
        self.below = (BAND_KERNEL - layer.band_stride) // 2
        self.above = BAND_KERNEL - layer.band_stride - self.below
        self.conv = nn.Conv2d(layer.inputs, 2 * layer.outputs, BAND_KERNEL, strides, bias=False)
        self.norm = nn.BatchNorm2d(2 * layer.outputs)

    def forward(self, x: Tensor) -> Tensor:
        right = -x.shape[-1] % self.stride + BAND_KERNEL - self.stride - self.left
        x = functional.pad(x, (self.left, right, self.below, self.above))
        return gate(self.norm(self.conv(x)))


class StemLayer(nn.Module):
    """Parallel gated convolutions of 3 and 6 frames, C/2 channels each: [N, C_in, T] → [N, C, T]."""

    def __init__(self, inputs: int, residual: bool, config: NetworkConfig) -> None:
        super().__init__()
        self.residual = residual
        self.branches = nn.ModuleList(
            GatedConv(inputs, config.width // 2, kernel, 1, config) for kernel in STEM_KERNELS
        )

    def forward(self, x: Tensor) -> Tensor:
        y = torch.cat([branch(x) for branch in self.branches], dim=1)
        return x + y if self.residual else y


class Stage(nn.Module):
    """Strided residual stage: [N, C, T] → [N, C, ceil(T / s)].

    A residual sum needs equal shapes. The gate halves channels and never repairs a length: the shortcut is
    brought to the stage's own grid by averaging the same s frames that a position stands for (fewer in the
    last one, if the frames run out), so both sides of the sum have ceil(T / s) positions for every T.
    """

    def __init__(self, stride: int, config: NetworkConfig) -> None:
        super().__init__()
        self.stride = stride
        self.gated = GatedConv(config.width, config.width, config.kernel_per_stride * stride, stride, config)
        self.dropout = nn.Dropout1d(config.dropout)

    def forward(self, x: Tensor) -> Tensor:
        return pool(x, self.stride) + cast(Tensor, self.dropout(self.gated(x)))


def pool(x: Tensor, stride: int) -> Tensor:
    """Average over `stride` positions, over those there are in the last: [N, C, T] → [N, C, ceil(T / s)]."""
    if stride == 1:
        return x
    return functional.avg_pool1d(x, stride, ceil_mode=True, count_include_pad=False)


def upsample(x: Tensor, stride: int, length: int, causal: bool) -> Tensor:
    """Back to a grid that is `stride` times finer: [N, C, ceil(length / s)] → [N, C, length].

    Linear interpolation between the middles of the positions: values stay what the coarse stage said, where
    a transposed convolution would restore the shape and invent the values (it is no inverse). A causal
    network may only repeat the last coarse position that is complete, so there it is repetition, shifted.
    """
    if stride == 1:
        return x
    if causal:
        x = functional.pad(x.repeat_interleave(stride, dim=-1), (stride - 1, 0))
    else:
        x = functional.interpolate(x, scale_factor=float(stride), mode="linear", align_corners=False)
    return x[..., :length]


class SwishNet(nn.Module):
    """MFCC ``[N, F, T]`` → logits ``[N, K, ceil(T / output_stride)]``, for every T ≥ 1.

    Filters start random and are found by gradient descent on `frame_loss`.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        # Not trained: running mean and variance of each coefficient or band, so that levels keep their meaning.
        self.input_norm = nn.BatchNorm1d(config.n_features, affine=False)
        self.to_bands: nn.Module = nn.Identity()
        self.bands: nn.Module = nn.Identity()
        if config.band_layers:
            self.to_bands, self.bands = InverseDct(config.n_features), BandStem(config)
        inputs = config.width if config.band_layers else config.n_features
        self.stem = nn.Sequential(
            *(
                StemLayer(config.width if layer else inputs, layer > 0 or bool(config.band_layers), config)
                for layer in range(config.stem_layers)
            )
        )
        self.stages = nn.ModuleList(Stage(stride, config) for stride in config.strides)
        self.fusion = nn.ModuleList(
            nn.Conv1d(config.width, config.width, 1, bias=i == 0) for i in range(len(config.grids))
        )
        self.refinements = nn.ModuleDict(
            {
                str(i): GatedConv(config.width, config.width, REFINEMENT_KERNEL, 1, config)
                for i in config.refined
            }
        )
        self.head = nn.Conv1d(config.width // 2, config.n_classes, 1)
        if config.audible:
            self.audible = nn.Conv1d(config.width, config.n_classes, 1)

    def forward(self, features: Tensor) -> Tensor:
        return self.classify(self.fused(features))

    def fused(self, features: Tensor) -> Tensor:
        """What all scales together hear: [N, F, T] → [N, C, ceil(T / output_stride)].

        A network with a delay answers that much later than it might, and its answers are moved back.
        """
        delay = self.config.delay
        x = self.input_norm(self.to_bands(features))
        x = self.stem(self.bands(functional.pad(x, (0, delay)) if delay else x))
        scales = [x]
        for stage in self.stages:
            x = stage(x)
            scales.append(x)
        return self._fuse(scales)[..., delay // self.config.output_stride :]

    def classify(self, fused: Tensor) -> Tensor:
        """Logits of the classes, one of which it is: [N, C, P] → [N, K, P]."""
        return cast(Tensor, self.head(gate(fused)))

    def listen(self, fused: Tensor) -> Tensor | None:
        """Log-odds of each class to be heard, if the network says them: [N, C, P] → [N, K, P]."""
        return cast(Tensor, self.audible(fused)) if self.config.audible else None

    def example(self) -> Tensor:
        """Features of silence, long enough for every stage: what a graph is traced with."""
        return torch.zeros(1, self.config.n_features, 2 * self.config.total_stride)

    def _fuse(self, scales: list[Tensor]) -> Tensor:
        """All scales in one, refined on the way, on the output grid: → [N, C, ceil(T / output_stride)]."""
        config = self.config
        fused: Tensor | None = None
        for i in reversed(range(len(scales))):
            # Averaging and a 1×1 convolution commute; the finer grids are averaged first, which is cheaper.
            scale = pool(scales[i], max(1, config.output_stride // config.grids[i]))
            own = self.fusion[i](scale)
            if fused is not None:
                coarser_by = config.strides[i] if config.grids[i] >= config.output_stride else 1
                own = own + upsample(fused, coarser_by, own.shape[-1], config.causal)
            fused = own + self.refinements[str(i)](own) if i in config.refined else own
        assert fused is not None
        return fused


def frame_loss(logits: Tensor, labels: Tensor, label_smoothing: float = 0.0) -> Tensor:
    """Softmax cross-entropy, mean over the counted positions.

    Parameters
    ----------
    logits : Tensor
        ``[N, K, T]``.
    labels : Tensor
        ``[N, T]`` of ints in 0..K-1, or `IGNORE` where a position does not count.

    Returns
    -------
    Tensor
        Scalar; 0 where nothing counts. Computed from log-softmax, never from the log of a softmax.
    """
    total = functional.cross_entropy(
        logits, labels, ignore_index=IGNORE, reduction="sum", label_smoothing=label_smoothing
    )
    return total / (labels != IGNORE).sum().clamp(min=1)


def audible_loss(log_odds: Tensor, known: Tensor, opinions: Sequence[Tensor]) -> Tensor:
    """Binary cross-entropy of what can be heard, mean over what is known of it.

    What was mixed in is known to be there. What was not may still be in the recordings that were mixed: it is
    taken as absent where the teachers' opinions say so, and not counted elsewhere; without teachers it is absent.

    Parameters
    ----------
    log_odds : Tensor
        ``[N, K, P]``.
    known : Tensor
        Bool ``[N, K, P]``.
    opinions : sequence of Tensor
        The teachers' logits ``[N, K, ≤ P]``.
    """
    absent = ~known
    for opinion in opinions:
        denied = torch.zeros_like(known)
        denied[..., : opinion.shape[2]] = torch.softmax(opinion, dim=1) < _ABSENT
        absent = absent & denied
    losses = functional.binary_cross_entropy_with_logits(log_odds, known.float(), reduction="none")
    counted = known | absent
    return (losses * counted).sum() / counted.sum().clamp(min=1)


def clip_logits(logits: Tensor, counted: Tensor) -> Tensor:
    """Average logits over the counted positions: [N, K, T], bool [N, T] → [N, K].

    A fixed-size answer from a variable-size input; over the positions of one segment it is region-of-interest
    pooling in one dimension.
    """
    weights = counted.to(logits.dtype)[:, None]
    return (logits * weights).sum(-1) / weights.sum(-1).clamp(min=1)


def network_of(checkpoint: Checkpoint) -> SwishNet:
    """The network of a checkpoint, with its weights."""
    network = SwishNet(checkpoint.network)
    network.load_state_dict({name: torch.from_numpy(w.copy()) for name, w in checkpoint.weights.items()})
    return network


class Answers(nn.Module):
    """All that a network says of features, or of what a front end makes into them, in a tuple."""

    def __init__(self, network: SwishNet, front_end: nn.Module | None = None) -> None:
        super().__init__()
        self.front_end, self.network = front_end or nn.Identity(), network

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        fused = self.network.fused(self.front_end(x))
        audible = self.network.listen(fused)
        return (self.network.classify(fused), *([] if audible is None else [audible]))


def to_onnx(network: SwishNet, front_end: nn.Module | None = None, example: Tensor | None = None) -> bytes:
    """A network as an ONNX graph, dynamic in batch and time, every batch norm folded into its convolution.

    The input is ``features``, or ``samples`` if a front end, with an example ``[1, n]`` of its input, is to be
    in the graph. The outputs are ``logits`` and, of networks that say it, ``audible``.
    """
    name = "samples" if front_end else "features"
    given = network.example() if example is None else example
    outputs = ["logits", "audible"] if network.config.audible else ["logits"]
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # The exporter by tracing is the older one of torch's two; it needs no further package, folds batch
        # norms and makes the smaller graph. torch is pinned, so it stays.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Answers(network, front_end).eval().cpu(),
            (given,),
            cast(Any, buffer),  # taken as well as a path, its annotation forgets it
            input_names=[name],
            output_names=outputs,
            dynamic_axes={
                name: {0: "batch", given.ndim - 1: "time"},
                **{output: {0: "batch", 2: "positions"} for output in outputs},
            },
            opset_version=17,
            dynamo=False,
        )
    return buffer.getvalue()
