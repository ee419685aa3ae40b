"""The front end in torch, batched: for training, and inside exported graphs.

The same window, filters and cosine transform as in `features.py`, which explains them. The spectrogram is
torchaudio's; in a graph for other programs it is a convolution.
"""

from __future__ import annotations

import numpy as np
import torch
import torchaudio
from torch import Tensor, nn
from torch.nn import functional

from swishcli.features import FrontEndConfig, dct_matrix, hann_window, mel_filters


class TorchMfcc(nn.Module):
    """MFCC: samples ``[N, n]`` → ``[N, n_mfcc, ceil(n / hop)]``.

    Parameters
    ----------
    config : FrontEndConfig
    convolutional : bool
        Whether the Fourier transform is a convolution: ten times the work, but other run-times, embedded ones
        above all, have convolutions and often no transform.
    """

    def __init__(self, config: FrontEndConfig, convolutional: bool = False) -> None:
        super().__init__()
        self.spectrogram = _ConvolutionalSpectrogram(config) if convolutional else _spectrogram(config)
        # torchaudio makes its own in single precision, its filters as if every sample rate were even.
        self.filters = nn.Buffer(torch.from_numpy(mel_filters(config).T).float())
        self.to_cepstrum = nn.Buffer(torch.from_numpy(dct_matrix(config.n_mfcc, config.n_mels).T).float())
        self.amin = config.amin

    def forward(self, samples: Tensor) -> Tensor:
        mel = self.filters @ self.spectrogram(samples)
        return self.to_cepstrum @ (10 * torch.log10(mel.clamp(min=self.amin)))


def _spectrogram(config: FrontEndConfig) -> nn.Module:
    """Powers ``[N, n_fft / 2 + 1, T]`` of samples ``[N, n]`` by torchaudio."""
    transform = torchaudio.transforms.Spectrogram(
        config.n_fft,
        config.win_length,
        config.hop_length,
        window_fn=lambda _: torch.from_numpy(hann_window(config)).float(),
        center=False,
    )
    # torch centres the window in n_fft samples; the zeros after the end let ceil(n / hop) windows fit.
    before = (config.n_fft - config.hop_length) // 2
    return nn.Sequential(nn.ConstantPad1d((before, before + config.hop_length - 1), 0.0), transform)


class _ConvolutionalSpectrogram(nn.Module):
    """The same as a convolution with windowed waves."""

    def __init__(self, config: FrontEndConfig) -> None:
        super().__init__()
        n = np.arange(config.win_length)
        angles = 2 * np.pi * np.arange(config.n_fft // 2 + 1)[:, None] * n / config.n_fft
        waves = np.concatenate([np.cos(angles), np.sin(angles)]) * hann_window(config)
        self.waves = nn.Buffer(torch.from_numpy(waves[:, None]).float())
        self.stride = config.hop_length
        self.padding = config.padding, config.padding + config.hop_length - 1

    def forward(self, samples: Tensor) -> Tensor:
        padded = functional.pad(samples[:, None], self.padding)
        real, imaginary = functional.conv1d(padded, self.waves, stride=self.stride).chunk(2, dim=1)
        return real**2 + imaginary**2
