"""Effects: as often as asked for, each with draws of its own, and nothing shifted in time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from training_data import CLEAN, FRONT_END, HOP, RATE, sound_of, tone, write

from swishcli.training import effects, signals
from swishcli.training.crops import MixingConfig
from swishcli.training.effects import load_rooms


def affected(chain: Sequence[effects.Effect], shares: MixingConfig) -> effects.Piece:
    piece = effects.Piece(sound_of(40 * HOP), np.ones(40, bool))
    surroundings = effects.Surroundings(FRONT_END)
    return effects.apply_effects(chain, shares, np.random.default_rng(3), piece, surroundings)


@pytest.mark.parametrize("chain", [effects.PIECE_EFFECTS, effects.CROP_EFFECTS], ids=["piece", "crop"])
def test_an_effect_more_changes_the_draws_of_no_other(chain: tuple[effects.Effect, ...]) -> None:
    shares = replace(CLEAN, **{effect.name: 1.0 for effect in chain if not effect.always})
    draws: list[dict[str, float]] = []

    def watched(effect: effects.Effect) -> effects.Effect:
        def apply(
            generator: np.random.Generator, piece: effects.Piece, _: effects.Surroundings
        ) -> effects.Piece:
            draws[-1][effect.name] = generator.uniform()
            return piece

        return replace(effect, apply=apply)

    watched_chain = [watched(effect) for effect in chain]
    another = watched(effects.Effect("another", effects.coded, always=True))
    for longer in (watched_chain, [another, *watched_chain], watched_chain[::-1]):
        draws.append({})
        affected(longer, shares)
    assert len(set(draws[0].values())) == len(chain)
    assert draws[0] == draws[2] == {name: draw for name, draw in draws[1].items() if name != "another"}


def test_effects_are_applied_as_often_as_their_shares_say() -> None:
    times = {effect.name: 0 for effect in effects.CROP_EFFECTS}

    def counted(effect: effects.Effect) -> effects.Effect:
        def apply(_: np.random.Generator, piece: effects.Piece, __: effects.Surroundings) -> effects.Piece:
            times[effect.name] += 1
            return piece

        return replace(effect, apply=apply)

    chain, generator = [counted(effect) for effect in effects.CROP_EFFECTS], np.random.default_rng(0)
    piece, shares = effects.Piece(sound_of(HOP), np.ones(1, bool)), replace(CLEAN, channel=0.25, codec=1.0)
    for _ in range(1000):
        effects.apply_effects(chain, shares, generator, piece, effects.Surroundings(FRONT_END))
    assert times.pop("channel") == pytest.approx(250, abs=50)
    assert times == {"noise_floor": 0, "level": 1000, "clipping": 0, "full scale": 1000, "codec": 1000}


def test_what_drowns_in_the_noise_floor_is_not_taught() -> None:
    sound = np.concatenate([tone(1000, 0.5), tone(1000, 0.5, amplitude=1e-5)])
    piece = effects.Piece(sound, np.arange(100) != 10)
    for seed in range(20):
        noisy = effects.with_noise_floor(np.random.default_rng(seed), piece, effects.Surroundings(FRONT_END))
        assert noisy.active[11:49].all()
        assert not noisy.active[[10, *range(50, 100)]].any()


LENGTHS = pytest.mark.parametrize("n", [1, 160, 1601, 40000])


@LENGTHS
@pytest.mark.parametrize("codec", effects.CODECS, ids=lambda codec: codec.subtype)
def test_a_codec_returns_what_it_was_given_about_as_it_was(
    monkeypatch: pytest.MonkeyPatch, codec: effects.Codec, n: int
) -> None:
    monkeypatch.setattr(effects, "CODECS", (codec,))
    sound = sound_of(n)
    coded = effects.through_codec(np.random.default_rng(1), sound, RATE)
    assert (coded.shape, coded.dtype) == ((n,), np.float32)
    assert np.isfinite(coded).all()
    if n > 10000:  # labels would be wrong by the delay
        correlation = np.correlate(np.pad(coded, 400), sound, "valid")
        assert abs(int(correlation.argmax()) - 400) <= 8


@LENGTHS
@pytest.mark.parametrize("seed", range(5))
def test_filters_and_rooms_return_as_many_finite_samples_as_they_get(n: int, seed: int) -> None:
    generator, sound = np.random.default_rng(seed), sound_of(n)
    frequencies = signals.filter_frequencies(RATE)
    room = effects.synthetic_room(generator, RATE)
    for response in (
        None,
        effects.equaliser_response(generator, frequencies, 5.0),
        effects.band_limit_response(generator, frequencies),
    ):
        filtered = signals.filtered(sound, response, room, RATE)
        assert (filtered.shape, filtered.dtype) == ((n,), np.float32)
        assert np.isfinite(filtered).all()


def test_rooms_start_with_their_direct_sound_and_have_unit_energy(tmp_path: Path) -> None:
    response = np.zeros(4000, np.float32)
    response[1000], response[1500] = 0.5, -0.25
    (room,) = load_rooms([write(tmp_path / "room.wav", response)], RATE)
    assert np.sum(room**2) == pytest.approx(1)
    assert np.abs(room).argmax() == 8
