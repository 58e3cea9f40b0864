"""Networks that hear notes: what disturbs their training, and what they hear."""

from functools import partial

import numpy as np
import pytest
import torch
from safetensors.numpy import load as from_bytes
from safetensors.numpy import save as to_bytes
from tones import FRAME, FREQUENCIES, tones

from musaic_core.data.notes import Notes
from musaic_core.learned import disturb, note_cnn, velocities
from musaic_core.learned import notes as learning
from musaic_core.learned.deep_salience import BODIES, DeepSalience
from musaic_core.learned.note_cnn import NoteCNN
from musaic_core.learned.notes import normalise, piano_rolls
from musaic_core.learned.onsets_and_frames import OnsetsAndFrames

describe = partial(learning.describe, NoteCNN)


def fit(*recordings, network=NoteCNN, **options):
    options = {"frequencies": FREQUENCIES, "frame": FRAME} | options
    return learning.fit(network, *recordings, **options)


@pytest.fixture(scope="module", autouse=True)
def short_examples():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(learning, "LENGTH", 60)
        yield


@pytest.fixture(scope="module")
def recording():
    rng = np.random.default_rng(0)
    onsets = np.arange(0.2, 5, 0.4)
    rows = [(t, t + 0.35, rng.integers(50, 80)) for t in onsets]
    return tones(rows, 230)


@pytest.fixture(scope="module")
def isolated():
    return tones([(0.2 + i, 0.8 + i, 48 + 3 * i) for i in range(8)], 350)


@pytest.fixture(scope="module")
def state(recording, isolated):
    return fit([recording], [isolated], steps=3)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_equaliser_gives_each_band_one_gain(recording, rng):
    V = recording[0]
    gains = disturb.equalise(V, FREQUENCIES, rng) / V
    assert np.allclose(gains, gains[:, :1], rtol=1e-4)
    assert 1 < np.std(20 * np.log10(gains[:, 0])) < 10


def test_noise_has_the_level_asked_for(rng):
    silence = np.zeros((len(FREQUENCIES), 400), np.float32)
    noise = disturb.add_noise(silence, FREQUENCIES, rng, levels=(-40, -40))
    power = (noise**2).mean(1)
    at_200 = 10 * np.log10(power[np.abs(FREQUENCIES - 200).argmin()])
    assert at_200 == pytest.approx(-40, abs=1.5)


def test_reverberation_decays_by_60_db_in_its_time(rng):
    V = np.zeros((len(FREQUENCIES), 60), np.float32)
    V[:, 5] = 1
    wet = disturb.reverberate(V, FREQUENCIES, FRAME, rng, times=(0.5, 0.5))
    assert not wet[:, :5].any()
    tail = wet[np.abs(FREQUENCIES - 200).argmin(), 6:]
    fall = 20 * np.log10(tail[0] / tail[20]) / (20 * FRAME)
    assert fall == pytest.approx(60 / 0.5, rel=0.05)
    assert (wet[-1, 6:] / wet[-1, 6])[20] <= tail[20] / tail[0] * 1.001


def test_transposition_moves_a_partial_by_the_interval():
    V = np.eye(len(FREQUENCIES), dtype=np.float32)[:, [60]]
    moved = disturb.transpose(V, FREQUENCIES, 12)[:, 0]
    heard = np.exp(moved @ np.log(FREQUENCIES) / moved.sum())
    assert heard == pytest.approx(2 * FREQUENCIES[60], rel=0.01)
    assert np.array_equal(disturb.transpose(V, FREQUENCIES, 0), V)


def test_powers_of_mixed_sounds_add():
    assert disturb.mix(np.full((1, 1), 3.0), np.full((1, 1), 4.0)) == 5


def test_chords_sound_where_their_notes_say(isolated, rng):
    singles = disturb.single_notes([isolated], FRAME)
    assert [note.pitch for note in singles] == isolated[1].pitches.tolist()
    V, notes = disturb.chords(singles, 172, FRAME, rng)
    assert V.shape == (len(FREQUENCIES), 172)
    assert len(notes) > 3
    assert set(notes.pitches) <= set(isolated[1].pitches)
    onset, pitch = notes.onsets[notes.onsets > 0][0], notes.pitches[notes.onsets > 0][0]
    band = np.abs(FREQUENCIES - 440 * 2 ** ((pitch - 69) / 12)).argmin()
    nearest = round(onset / FRAME)
    assert V[band, nearest + 1] > 3 * V[band, nearest - 2]


def test_rolls_mark_the_frame_nearest_to_an_onset():
    notes = Notes.from_rows([(10.2 * FRAME, 20 * FRAME, 60, 80, "piano")])
    onset, sounding = piano_rolls(notes, 30, FRAME)
    key = 60 - 21
    assert onset[key, 8:13] == pytest.approx([0, 0.3, 1, 0.7, 0], abs=1e-6)
    assert onset.sum() == pytest.approx(2)
    assert np.flatnonzero(sounding[key]).tolist() == list(range(10, 20))


@pytest.mark.parametrize("start", [10.0, 10.2, 10.49, 9.51])
def test_an_onset_is_where_a_parabola_through_its_marks_has_its_maximum(start):
    notes = Notes.from_rows([(start * FRAME, 20 * FRAME, 60, 80, "piano")])
    marks = piano_rolls(notes, 30, FRAME)[0, 60 - 21, 9:12]
    curve = np.polynomial.Polynomial.fit([9, 10, 11], marks, 2)
    assert curve.deriv().roots() == pytest.approx([start], abs=1e-4)


def test_network_is_small_and_answers_each_pitch_and_frame():
    network = NoteCNN(FREQUENCIES)
    assert sum(p.numel() for p in network.parameters()) == 62_466
    assert network(torch.zeros(2, len(FREQUENCIES), 50)).shape == (2, 2, 88, 50)


def test_network_reads_each_pitch_at_its_harmonics():
    stack = NoteCNN(FREQUENCIES).harmonics
    band, lower, upper = (
        buffer.numpy().squeeze() for buffer in (stack._band, stack._lower, stack._upper)
    )
    read = lower * FREQUENCIES[band] + upper * FREQUENCIES[band + 1]
    a4 = 3 * (69 - 21) + 1  # a third of a semitone is below it
    for harmonic, hz in enumerate(read[:5, a4]):
        assert hz == pytest.approx(440 * note_cnn.HARMONICS[harmonic], rel=0.01)


def test_gain_does_not_matter(recording, state):
    for quiet, loud in zip(
        describe(recording[0], state), describe(1000 * recording[0], state), strict=True
    ):
        assert np.allclose(quiet, loud, atol=1e-5)


def test_probabilities_of_any_recording_even_silence(state):
    for V in (np.zeros((len(FREQUENCIES), 7), np.float32), np.eye(len(FREQUENCIES))):
        for p in describe(V, state):
            assert p.shape == (88, V.shape[1])
            assert ((p >= 0) & (p <= 1)).all()


def test_same_seed_gives_same_weights(recording, isolated, state):
    def again(seed):
        return fit([recording], [isolated], steps=3, seed=seed)

    same, other = again(0), again(1)
    for name, array in state.items():
        np.testing.assert_array_equal(same[name], array, strict=True)
    assert not np.array_equal(other["heads.weight"], state["heads.weight"])


def test_state_is_stored_as_safetensors(recording, state):
    stored = from_bytes(to_bytes(state))
    before, after = describe(recording[0], state), describe(recording[0], stored)
    assert np.array_equal(before, after)


def test_training_lowers_the_loss(recording, isolated):
    def errors(steps):
        state = fit([recording], [isolated], steps=steps)
        rolls = piano_rolls(recording[1], recording[0].shape[1], FRAME)
        sounding, onset = describe(recording[0], state)
        p = np.clip([onset, sounding], 1e-6, 1 - 1e-6)
        return -(rolls * np.log(p) + (1 - rolls) * np.log(1 - p)).mean((1, 2))

    assert (errors(20) < errors(1)).all()


def test_nothing_to_learn_from_is_an_error():
    with pytest.raises(ValueError, match="neither examples nor isolated"):
        fit([], [])


def test_short_recordings_and_pitches_beyond_the_piano_are_learned_from():
    short = tones([(0.1, 0.4, 60), (0.3, 0.6, 20)], 40)
    state = fit([short], steps=1)
    assert np.isfinite(describe(short[0], state)).all()


def test_loudness_is_that_of_loud_frames():
    V = np.ones((3, 100))
    V[0, :10] = 4
    assert normalise(V).max() == 1
    assert not normalise(np.zeros((3, 100))).any()


def test_long_recordings_are_heard_as_short_ones(recording, state, monkeypatch):
    whole = describe(recording[0], state)
    monkeypatch.setattr(learning, "BLOCK", 100)
    for one, in_parts in zip(whole, describe(recording[0], state), strict=True):
        assert in_parts.shape == (88, 230)
        np.testing.assert_allclose(in_parts, one, atol=1e-5)


@pytest.mark.parametrize("block", BODIES)
def test_salience_of_any_block_is_learned_and_depends_on_what_is_near(block, recording):
    made = partial(DeepSalience, block=block)
    state = fit([recording], network=made, steps=2)
    sounding, onset = learning.describe(made, recording[0], state)
    assert onset is None
    assert sounding.shape == (88, 230)
    assert ((sounding >= 0) & (sounding <= 1)).all()
    torch.manual_seed(0)
    network = made(FREQUENCIES).eval()
    assert sum(p.numel() for p in network.parameters()) < 90_000
    V = torch.rand(1, len(FREQUENCIES), 201, requires_grad=True)
    network(V)[..., 100].sum().backward()
    reached = np.flatnonzero(V.grad[0].abs().sum(0).numpy())
    assert 100 - learning.REACH < reached.min() < 98
    assert 102 < reached.max() < 100 + learning.REACH


def test_salience_that_is_learned_hears_what_sounds(recording):
    state = fit([recording], network=DeepSalience, steps=25)
    sounding, _ = learning.describe(DeepSalience, recording[0], state)
    roll = piano_rolls(recording[1], 230, FRAME)[1].astype(bool)
    assert sounding[roll].mean() > 2 * sounding[~roll].mean()


# onsets, frames and velocities


def louder_and_softer():
    """Notes whose loudness goes with their velocities."""
    velocities = [30, 120, 60, 90, 45, 105, 75, 30, 120]
    V, notes = tones([(0.2 + 0.5 * i, 0.6 + 0.5 * i, 60) for i in range(9)], 220)
    notes.velocities[:] = velocities
    first = np.round(notes.onsets / FRAME)
    sounds = np.searchsorted(first, np.arange(220), "right").clip(1) - 1
    return V * (notes.velocities[sounds] / 127).astype(np.float32) ** 2, notes


def test_a_key_hears_onsets_from_both_sides_in_time_and_other_keys_alike():
    torch.manual_seed(0)
    network = OnsetsAndFrames(FREQUENCIES).eval()
    assert sum(p.numel() for p in network.parameters()) < 30_000
    V = torch.rand(1, len(FREQUENCIES), 120, requires_grad=True)
    logits = network(V)
    assert logits.shape == (1, 2, 88, 120)
    logits[0, 0, 40, 60].backward()
    reached = np.flatnonzero(V.grad[0].abs().sum(0).numpy())
    assert reached.min() < 40
    assert reached.max() > 80


def test_frames_are_told_of_onsets_and_do_not_teach_them():
    torch.manual_seed(0)
    network = OnsetsAndFrames(FREQUENCIES)
    network(torch.rand(1, len(FREQUENCIES), 20))[:, 1].sum().backward()
    assert network.frames.gru.weight_ih_l0.grad[:, -1].any()
    assert not any(p.grad.any() for p in network.onsets.parameters())


def test_velocities_are_read_from_the_loudness_of_a_note_whatever_the_gain():
    V, notes = louder_and_softer()
    told = {"frequencies": FREQUENCIES, "frame": FRAME, "steps": 2}
    state = velocities.fit(OnsetsAndFrames, [(V, notes)], **told)
    level, onset = velocities.describe(OnsetsAndFrames, V, state)
    again, _ = velocities.describe(OnsetsAndFrames, 100 * V, state)
    np.testing.assert_allclose(again, level, atol=1e-5)
    assert onset.shape == level.shape == (88, 220)
    weights = {k: a for k, a in state.items() if k != velocities.VELOCITY}
    sounding, _ = velocities.describe(OnsetsAndFrames, V, weights)
    nearest = np.round(notes.onsets / FRAME).astype(int)
    found = 127 * np.sqrt(level / sounding)[60 - 21, nearest]
    assert np.corrcoef(found, notes.velocities)[0, 1] > 0.9


def test_pieces_without_notes_of_the_piano_teach_no_velocities():
    told = {"frequencies": FREQUENCIES, "frame": FRAME, "steps": 1}
    V, _ = tones([(0.2, 0.6, 60)], 80)
    for rows in ([], [(0.2, 0.6, 12)], [(90, 91, 60)]):
        notes = Notes.from_rows([(*row, 80, "") for row in rows])
        state = velocities.fit(OnsetsAndFrames, [(V, notes)], **told)
        assert velocities.VELOCITY not in state
        described = velocities.describe(OnsetsAndFrames, V, state)
        assert np.isfinite(described).all()


def test_velocities_need_pieces_and_notes_alone_do_without(isolated):
    told = {"frequencies": FREQUENCIES, "frame": FRAME, "steps": 1}
    state = velocities.fit(OnsetsAndFrames, [], [isolated], **told)
    assert velocities.VELOCITY not in state
    described = velocities.describe(OnsetsAndFrames, isolated[0], state)
    assert np.isfinite(described).all()
