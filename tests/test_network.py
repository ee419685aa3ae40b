"""The network does what its configuration says, for every number of frames."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from swishcli.architecture import MAX_STRIDE, SIZES, NetworkConfig
from swishcli.features import dct_matrix
from swishcli.network import (
    IGNORE,
    Answers,
    GatedConv,
    InverseDct,
    Stage,
    SwishNet,
    audible_loss,
    clip_logits,
    frame_loss,
    gate,
    pool,
    to_onnx,
    upsample,
)

torch.set_num_threads(1)

DEFAULT = NetworkConfig(n_features=5, width=8)
CAUSAL = NetworkConfig(n_features=5, width=8, causal=True)
FINE = NetworkConfig(n_features=5, width=6, strides=(2, 3, 2), output_stride=1, stem_layers=1)
TWO_HEADS = NetworkConfig(n_features=5, width=6, audible=True)
COARSE = NetworkConfig(n_features=5, width=6, strides=(2, 2, 3), output_stride=12, n_classes=2)
UNEVEN = NetworkConfig(n_features=5, width=6, strides=(3, 1, 4), output_stride=3, kernel_per_stride=3)
UNEVEN_CAUSAL = NetworkConfig(
    n_features=5, width=6, strides=(3, 1, 4), output_stride=3, kernel_per_stride=3, causal=True
)
FLAT = NetworkConfig(n_features=5, width=4, strides=(), output_stride=1, n_classes=4)

BANDS = NetworkConfig(n_features=16, width=6, band_channels=(2, 3, 3, 4), strides=(2, 2))
BANDS_CAUSAL = NetworkConfig(
    n_features=32, width=4, band_channels=(2, 2, 2, 3), band_depth=2, strides=(3, 2), causal=True
)
DELAYED = NetworkConfig(n_features=5, width=6, strides=(2, 3, 2), output_stride=6, causal=True, delay=12)
BANDS_COARSE = NetworkConfig(
    n_features=16, width=4, band_channels=(1, 2, 2, 2), band_depth=0, strides=(3,), output_stride=12
)

CONFIGS = pytest.mark.parametrize(
    "config",
    [
        DEFAULT,
        CAUSAL,
        FINE,
        COARSE,
        UNEVEN,
        UNEVEN_CAUSAL,
        FLAT,
        BANDS,
        BANDS_CAUSAL,
        BANDS_COARSE,
        DELAYED,
        TWO_HEADS,
    ],
    ids=[
        "default",
        "causal",
        "fine",
        "coarse",
        "uneven",
        "uneven causal",
        "flat",
        "bands",
        "bands causal",
        "bands coarse",
        "delayed",
        "two heads",
    ],
)


@st.composite
def configs(draw: st.DrawFn) -> NetworkConfig:
    strides = tuple(draw(st.lists(st.integers(1, 5), max_size=4)))
    with_bands = draw(st.booleans())
    grids = np.cumprod([4 if with_bands else 1, *strides]).tolist()
    return NetworkConfig(
        n_features=16 if with_bands else draw(st.integers(1, 3)),
        band_channels=(2, 1, 2, 2) if with_bands else (),
        band_depth=draw(st.integers(0, 2)),
        n_classes=draw(st.integers(2, 4)),
        width=draw(st.sampled_from([2, 4])),
        stem_layers=draw(st.integers(1, 3)),
        strides=strides,
        kernel_per_stride=draw(st.integers(1, 3)),
        output_stride=(output_stride := draw(st.sampled_from(grids))),
        causal=(causal := draw(st.booleans())),
        delay=output_stride * draw(st.integers(0, 3)) if causal else 0,
    )


def network_of_config(config: NetworkConfig, dtype: torch.dtype = torch.float32) -> SwishNet:
    """A random network in evaluation, its batch norms with statistics that are not those of a new one."""
    torch.manual_seed(0)
    network = SwishNet(config)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.running_var, 0.5, 2)
            if module.affine:
                nn.init.uniform_(module.weight, 0.5, 2)
                nn.init.normal_(module.bias, std=0.5)
    return network.to(dtype).eval()


def noise(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1), dtype=dtype)


# Shapes and grids


@settings(max_examples=60)
@given(configs(), st.integers(1, 300))
@example(NetworkConfig(n_features=3, width=2), 1)
@example(NetworkConfig(n_features=3, width=2, strides=(3, 5, 1, 2), output_stride=15), 31)
def test_every_number_of_frames_gives_the_positions_it_makes(config: NetworkConfig, n_frames: int) -> None:
    with torch.no_grad():
        logits = SwishNet(config).eval()(torch.zeros(2, config.n_features, n_frames))
    expected = (n_frames + config.output_stride - 1) // config.output_stride
    assert logits.shape == (2, config.n_classes, expected)
    assert config.n_positions(n_frames) == expected


@given(st.integers(1, 60), st.integers(1, 7))
def test_the_shortcut_of_a_stage_averages_the_frames_that_each_position_stands_for(
    n_frames: int, stride: int
) -> None:
    x = noise(2, 3, n_frames)
    by_hand = [x[..., j : j + stride].mean(-1) for j in range(0, n_frames, stride)]
    torch.testing.assert_close(pool(x, stride), torch.stack(by_hand, dim=-1))


def test_the_last_shortcut_position_averages_the_frames_there_are() -> None:
    assert pool(torch.tensor([[[1.0, 3.0, 5.0, 7.0, 20.0]]]), 2).tolist() == [[[2.0, 6.0, 20.0]]]


@given(st.integers(1, 60), st.integers(1, 7), st.integers(1, 3), st.booleans())
def test_both_sides_of_a_residual_sum_are_on_one_grid(
    n_frames: int, stride: int, kernel_per_stride: int, causal: bool
) -> None:
    config = NetworkConfig(width=2, kernel_per_stride=kernel_per_stride, causal=causal)
    stage, x = Stage(stride, config).eval(), noise(1, 2, n_frames)
    assert stage.gated(x).shape == pool(x, stride).shape == (1, 2, -(-n_frames // stride))
    torch.testing.assert_close(stage(x), pool(x, stride) + stage.gated(x))


@given(st.integers(1, 60), st.integers(1, 7), st.booleans())
def test_upsampling_returns_to_the_finer_grid_and_invents_no_values(
    length: int, stride: int, causal: bool
) -> None:
    coarse = noise(2, 3, -(-length // stride))
    fine = upsample(coarse, stride, length, causal)
    assert fine.shape == (2, 3, length)
    # Causal: zeros before the first position that is complete.
    assert fine.max() <= coarse.max().clamp(min=0) + 1e-6
    assert fine.min() >= coarse.min().clamp(max=0) - 1e-6


def test_upsampling_interpolates_between_the_middles_of_the_positions() -> None:
    fine = upsample(torch.tensor([[[0.0, 4.0, 8.0]]]), 2, 5, causal=False)
    assert fine.tolist() == [[[0.0, 1.0, 3.0, 5.0, 7.0]]]


def test_causal_upsampling_repeats_the_last_position_that_is_complete() -> None:
    fine = upsample(torch.tensor([[[1.0, 2.0, 3.0]]]), 3, 8, causal=True)
    assert fine.tolist() == [[[0.0, 0.0, 1.0, 1.0, 1.0, 2.0, 2.0, 2.0]]]


# Parts


def test_the_gate_is_a_sigmoid_times_a_tanh() -> None:
    x = noise(2, 6, 4)
    by_hand = 1 / (1 + torch.exp(-x[:, :3])) * torch.tanh(x[:, 3:])
    torch.testing.assert_close(gate(x), by_hand)


def test_the_head_is_a_linear_layer_applied_frame_by_frame() -> None:
    head = SwishNet(DEFAULT).head
    linear = nn.Linear(head.in_channels, head.out_channels)
    linear.load_state_dict({"weight": head.weight[..., 0], "bias": head.bias})
    x = noise(2, head.in_channels, 9)
    frame_by_frame = torch.stack([linear(x[..., t]) for t in range(9)], dim=-1)
    torch.testing.assert_close(head(x), frame_by_frame)


def test_a_kernel_that_leaves_frames_unseen_is_refused() -> None:
    with pytest.raises(ValueError, match="leaves frames unseen"):
        GatedConv(2, 2, kernel=2, stride=3, config=DEFAULT)


@pytest.mark.parametrize(
    "nonsense",
    [
        {"width": 7},
        {"width": 0},
        {"n_features": 0},
        {"n_classes": 1},
        {"stem_layers": 0},
        {"strides": (2, 0)},
        {"kernel_per_stride": 0},
        {"output_stride": 3},
        {"dropout": 1.0},
        {"dropout": -0.1},
        {"strides": (2,) * 13},
        {"delay": 4},
        {"delay": 6, "causal": True},
        {"delay": -4, "causal": True},
        {"band_channels": (8, 8)},
        {"band_channels": (8, 8, 8, 0)},
        {"band_channels": (8, 8, 8, 8), "band_depth": -1},
        {"band_channels": (8, 8, 8, 8), "n_features": 40},
    ],
    ids=str,
)
def test_a_configuration_that_makes_no_sense_is_refused(nonsense: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"must|needs"):
        NetworkConfig(**nonsense)


def test_strides_that_would_reach_too_far_are_refused_at_once() -> None:
    with pytest.raises(ValueError, match=f"at most {MAX_STRIDE} frames"):
        NetworkConfig(strides=(2,) * 30)


def test_a_delay_moves_the_answers_of_a_causal_network() -> None:
    network, undelayed = network_of_config(DELAYED), network_of_config(replace(DELAYED, delay=0))
    features = noise(1, 5, 60)
    with torch.no_grad():
        torch.testing.assert_close(network(features)[..., :-2], undelayed(features)[..., 2:])


def test_the_inverse_dct_gives_back_the_bands_that_coefficients_were_made_of() -> None:
    bands = noise(2, 16, 5)
    coefficients = torch.einsum("nbt,bc->nct", bands, torch.from_numpy(dct_matrix(16, 16)).float())
    torch.testing.assert_close(InverseDct(16)(coefficients), bands)


def test_what_bands_say_moves_with_a_sound_that_stands_higher() -> None:
    """Below the last layer, sixteen bands up are two positions up, edges apart."""
    config = NetworkConfig(n_features=64, width=4, band_channels=(2, 3, 3, 4), strides=(2,))
    layers = network_of_config(config).bands.layers[:3]
    low = torch.zeros(1, 1, 64, 40)
    low[:, :, 20:28] = noise(1, 1, 8, 40)
    with torch.no_grad():
        answers = [torch.nn.Sequential(*layers)(x) for x in (low, low.roll(16, dims=2))]
    torch.testing.assert_close(answers[0][:, :, 2:10], answers[1][:, :, 6:14])


# What an output sees


def measured_context(config: NetworkConfig) -> tuple[int, int]:
    """Frames before an output position's first and after its last that it depends on, at most, by gradients."""
    network = network_of_config(config, torch.float64)
    per_period = config.total_stride // config.output_stride
    periods = -(-(config.look_back + config.look_ahead) // config.total_stride) + 3
    features = noise(1, config.n_features, periods * 2 * config.total_stride, dtype=torch.float64)
    features.requires_grad_()
    logits = network(features)
    back, ahead = [], []
    for position in range(periods * per_period, (periods + 1) * per_period):
        (gradient,) = torch.autograd.grad(logits[..., position].sum(), features, retain_graph=True)
        seen = gradient.abs().sum(dim=(0, 1)).nonzero()
        back.append(position * config.output_stride - int(seen.min()))
        ahead.append(int(seen.max()) - (position + 1) * config.output_stride + 1)
    return max(back), max(ahead)


@CONFIGS
def test_the_context_by_the_configuration_is_the_one_that_gradients_find(config: NetworkConfig) -> None:
    assert (config.look_back, config.look_ahead) == measured_context(config)
    assert config.receptive_field == config.look_back + config.output_stride + config.look_ahead


@settings(max_examples=25)
@given(configs())
def test_the_context_by_the_configuration_is_the_measured_one_for_any_strides(config: NetworkConfig) -> None:
    assert (config.look_back, config.look_ahead) == measured_context(config)


@CONFIGS
def test_a_causal_network_does_not_see_the_future_and_a_centred_one_does(config: NetworkConfig) -> None:
    network = network_of_config(config, torch.float64)
    stride, delay = config.output_stride, config.delay
    now = 3 * config.total_stride  # no position in the middle of which the future begins
    before = noise(1, config.n_features, 2 * now, dtype=torch.float64)
    after = torch.cat([before[..., : now + delay], 10 + before[..., now + delay :]], dim=-1)
    with torch.no_grad():
        same = torch.equal(network(before)[..., : now // stride], network(after)[..., : now // stride])
    assert same == config.causal
    assert (config.look_ahead == delay) == config.causal


# What the configuration computes


@CONFIGS
def test_shapes_and_parameters_by_the_configuration_are_those_of_torch(config: NetworkConfig) -> None:
    network = SwishNet(config)
    assert config.weight_shapes == {name: tuple(w.shape) for name, w in network.state_dict().items()}
    assert config.n_parameters == sum(p.numel() for p in network.parameters())


@CONFIGS
def test_multiply_accumulates_by_the_configuration_are_those_counted_at_the_layers(
    config: NetworkConfig,
) -> None:
    counted = 0

    def count(layer: nn.Conv1d | nn.Conv2d | InverseDct, _: Any, output: Tensor) -> None:
        nonlocal counted
        weights = layer.inverse if isinstance(layer, InverseDct) else layer.weight
        counted += weights.numel() * output[0, 0].numel()

    network = SwishNet(config).eval()
    for module in network.modules():
        if isinstance(module, nn.Conv1d | nn.Conv2d | InverseDct):
            module.register_forward_hook(count)
    n_frames = 4 * config.total_stride
    Answers(network)(torch.zeros(1, config.n_features, n_frames))
    assert config.macs_per_second(0.01) == pytest.approx(
        counted / ((n_frames + config.delay) * 0.01),
        rel=1e-3,  # the head is spared what a delay cuts off
    )


@pytest.mark.parametrize(
    ("name", "limit"),
    [("classic", 50_000), ("slim", 40_000), ("wide", 200_000), ("large", 1_000_000), ("live", 40_000)],
)
def test_named_sizes_stay_below_their_numbers_of_parameters(name: str, limit: int) -> None:
    config = NetworkConfig(**asdict(SIZES[name]))
    assert config.n_parameters < limit
    assert config.look_ahead == (24 if name == "live" else pytest.approx(1040, abs=30))


# Loss and pooling


def test_the_loss_is_the_mean_cross_entropy_of_the_frames_that_count() -> None:
    logits = torch.tensor([[[2.0, 0.0, 5.0], [0.0, 1.0, 5.0]]])  # 1 recording, 2 classes, 3 frames
    labels = torch.tensor([[0, 0, IGNORE]])
    by_hand = (np.log1p(np.exp(-2.0)) + np.log1p(np.exp(1.0))) / 2
    assert frame_loss(logits, labels).item() == pytest.approx(by_hand, rel=1e-6)


def test_label_smoothing_gives_every_class_its_share_of_the_target() -> None:
    logits, labels = noise(2, 3, 4), torch.tensor([[0, 2, IGNORE, 1], [IGNORE, 1, 1, 0]])
    log_posteriors = (logits - logits.exp().sum(1, keepdim=True).log()).numpy()
    by_hand = [
        -0.9 * log_posteriors[n, labels[n, t], t] - 0.1 * log_posteriors[n, :, t].mean()
        for n in range(2)
        for t in range(4)
        if labels[n, t] != IGNORE
    ]
    assert frame_loss(logits, labels, label_smoothing=0.1).item() == pytest.approx(np.mean(by_hand), rel=1e-5)


@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
def test_the_loss_is_0_and_moves_nothing_where_nothing_counts(label_smoothing: float) -> None:
    logits = noise(2, 3, 4).requires_grad_()
    loss = frame_loss(logits, torch.full((2, 4), IGNORE), label_smoothing)
    loss.backward()
    assert loss.item() == 0
    assert not logits.grad.any()


def test_the_loss_is_finite_for_logits_that_a_softmax_would_round_to_0_and_1() -> None:
    loss = frame_loss(torch.tensor([[[1000.0], [-1000.0]]]), torch.tensor([[1]]))
    assert loss.item() == 2000


def test_only_what_is_known_to_be_heard_or_denied_by_every_teacher_is_taught() -> None:
    known = torch.tensor([[[True, False, False]] + [[False] * 3] * 2])  # 1 recording, 3 classes, 3 positions
    sure, unsure = torch.tensor([9.0, 0.0, 0.0]), torch.tensor([1.0, 0.9, 0.0])
    opinion = torch.stack([sure, unsure], dim=1)[None]  # none of the last position
    log_odds = noise(1, 3, 3).requires_grad_()
    audible_loss(log_odds, known, [opinion]).backward()
    taught = log_odds.grad[0] != 0
    assert taught.tolist() == [[True, False, False], [True, False, False], [True, False, False]]
    contrary = torch.stack([sure.flip(0), sure], dim=1)[None]
    log_odds.grad = None
    audible_loss(log_odds, known, [opinion, contrary]).backward()
    assert (log_odds.grad[0] != 0).tolist() == [[True, False, False], [True, False, False], [False] * 3]


def test_what_is_not_mixed_in_is_absent_without_a_teacher() -> None:
    known = torch.tensor([[[True], [False]]])
    by_hand = (np.log1p(np.exp(-2.0)) + np.log1p(np.exp(1.0))) / 2
    loss = audible_loss(torch.tensor([[[2.0], [1.0]]]), known, [])
    assert loss.item() == pytest.approx(by_hand, rel=1e-6)


def test_clip_logits_are_the_average_over_the_counted_positions() -> None:
    logits = torch.tensor([[[1.0, 3.0, 100.0], [0.0, -2.0, 100.0]]]).repeat(2, 1, 1)
    counted = torch.tensor([[True, True, False], [False, False, False]])
    assert clip_logits(logits, counted).tolist() == [[2.0, -1.0], [0.0, 0.0]]


# ONNX


@pytest.fixture(scope="module")
def run_onnx() -> Callable[[NetworkConfig, Tensor], np.ndarray]:
    import onnxruntime

    sessions: dict[NetworkConfig, onnxruntime.InferenceSession] = {}

    def run(config: NetworkConfig, features: Tensor) -> np.ndarray:
        if config not in sessions:
            network = network_of_config(config)
            graph = to_onnx(network)
            sessions[config] = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
        return sessions[config].run(None, {"features": features.numpy()})[0]

    return run


@CONFIGS
@pytest.mark.parametrize("n_frames", [1, 2, 3, 11, 12, 13, 127, 128, 129, 256, 257, 600])
def test_the_onnx_graph_gives_the_logits_of_torch(
    run_onnx: Callable[[NetworkConfig, Tensor], np.ndarray], config: NetworkConfig, n_frames: int
) -> None:
    network = network_of_config(config)
    for batch in (1, 3):
        features = noise(batch, config.n_features, n_frames)
        with torch.no_grad():
            expected = network(features).numpy()
        np.testing.assert_allclose(run_onnx(config, features), expected, rtol=0, atol=1e-4)
