"""How far components stand for parts of music: cases with known answers."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import soundfile
from solving import plugin

from musaic_core.data.notes import Notes
from musaic_core.data.recording import Recording, Track
from musaic_core.lowrank import nmf
from musaic_core.lowrank.models import NMF
from musaic_core.tasks.base import Estimate
from musaic_core.tasks.concepts import labels_at, pitches_sounding
from musaic_core.tasks.interpretability import (
    INTERPRETABILITY,
    alignment_in_bins,
    alignment_in_time,
    form,
    harmonicity,
    hoyer,
    interpretability_of_notes,
    interpretability_of_sections,
    interpretability_of_stems,
)
from musaic_core.tasks.separation.wiener import magnitudes
from musaic_core.tasks.transcription.spectrogram import spectrogram

FRAME = 0.02  # s
FREQUENCIES = np.arange(400) * 12.5


def piece(n_pitches=8, n_frames=600, seed=0):
    """Which of some pitches sound, several at a time, each for some frames."""
    rng = np.random.default_rng(seed)
    sounding = np.zeros((n_pitches, n_frames), bool)
    for row in sounding:
        for start in rng.choice(n_frames - 30, 8, replace=False):
            row[start : start + rng.integers(8, 30)] = True
    return sounding


def loudness_of(sounding, seed=0):
    """Components that sound when their pitches do, each as loud as it likes."""
    return sounding * np.random.default_rng(seed).gamma(2, 1, sounding.shape)


def unrelated(sounding, seed=1):
    """The same with those of another piece."""
    return loudness_of(piece(len(sounding), sounding.shape[1], seed), seed)


def values(scores):
    return scores["purity"], scores["completeness"]


# in time


def test_components_that_are_the_pitches_are_pure_and_complete():
    sounding = piece()
    found = values(alignment_in_time(loudness_of(sounding), sounding))
    assert found == pytest.approx((1, 1))


def test_pitches_that_always_sound_together_may_have_a_component_each():
    sounding = piece()
    chord = np.concatenate([sounding, sounding[:3]])
    found = values(alignment_in_time(loudness_of(chord), chord))
    assert found == pytest.approx((1, 1))


def test_components_that_have_nothing_to_do_with_the_pitches_are_at_chance():
    found = [
        values(alignment_in_time(unrelated(piece(seed=s), s + 100), piece(seed=s)))
        for s in range(30)
    ]
    np.testing.assert_allclose(np.mean(found, axis=0), 0, atol=0.05)


def test_one_component_for_all_is_at_chance():
    sounding = piece()
    whole = loudness_of(sounding).sum(0, keepdims=True)
    found = values(alignment_in_time(whole, sounding))
    assert found == pytest.approx((0, 0), abs=0.02)


def test_half_wrong_is_halfway():
    sounding = piece()
    loudness, wrong = loudness_of(sounding), unrelated(sounding)
    loudness[::2] = wrong[::2] * loudness[::2].sum() / wrong[::2].sum()
    purity, completeness = values(alignment_in_time(loudness, sounding))
    assert 0.35 < purity < 0.65
    assert 0.2 < completeness < 0.65
    # and where each component has as much that is right as it has wrong
    mixed = loudness_of(sounding) + unrelated(sounding)
    assert 0.1 < alignment_in_time(mixed, sounding)["purity"] < 0.65


def test_pitches_in_pieces_are_pure_and_less_complete():
    sounding = piece()
    right = loudness_of(sounding)
    in_two = np.concatenate([0.5 * right, 0.5 * right])
    purity, completeness = values(alignment_in_time(in_two, sounding))
    assert purity == pytest.approx(1)
    assert 0.3 < completeness < 0.6
    # a component a frame
    purity, completeness = values(alignment_in_time(np.diag(right.sum(0)), sounding))
    assert completeness < 0.1


def test_two_pitches_in_one_component_are_neither_pure_nor_complete():
    sounding = piece()
    right = loudness_of(sounding)
    joined = right[::2] + right[1::2]
    purity, completeness = values(alignment_in_time(joined, sounding))
    assert 0.2 < purity < 0.8
    assert 0.2 < completeness < 0.8


def test_order_and_scale_do_not_matter():
    sounding = piece()
    loudness = loudness_of(sounding) + unrelated(sounding)
    order = np.random.default_rng(0).permutation(len(loudness))
    expected = values(alignment_in_time(loudness, sounding))
    for changed, concepts in (
        (loudness[order], sounding),
        (loudness, sounding[order]),
        (1e6 * loudness, sounding),
    ):
        assert values(alignment_in_time(changed, concepts)) == pytest.approx(expected)


def test_where_there_is_nothing_to_tell_there_is_no_number():
    always = np.ones((1, 50))
    for loudness, concepts in (
        (always, always),  # one pitch all the time
        (0 * always, always),  # a silent model
        (always, 0 * always),  # no notes
    ):
        assert np.isnan(values(alignment_in_time(loudness, concepts))).all()


def test_notes_sound_from_onset_to_offset():
    notes = Notes.from_rows([(0.1, 0.3, 60, 80, ""), (0.2, 0.4, 64, 80, "")])
    pitches, sounding = pitches_sounding(notes, np.arange(10) * 0.05)
    assert pitches.tolist() == [60, 64]
    assert np.flatnonzero(sounding[0]).tolist() == [2, 3, 4, 5]
    assert np.flatnonzero(sounding[1]).tolist() == [4, 5, 6, 7]
    # those that are not in the excerpt are no concepts
    assert pitches_sounding(notes, np.arange(4) * 0.05)[0].tolist() == [60]


# in bins


def stems_of(n_rows=40, n_frames=60, levels=(1.0, 0.6, 0.3), seed=0):
    """Components (F, C), (C, T) of which each third lies in rows of its own."""
    rng = np.random.default_rng(seed)
    W = np.zeros((n_rows, 6))
    for component in range(6):
        first = component // 2 * 13
        W[first : first + 13, component] = rng.gamma(1, 1, 13)
    H = rng.gamma(1, 1, (6, n_frames)) * np.repeat(levels, 2)[:, None]
    return W, H


def shares_of(W, H):
    powers = np.stack([(W[:, k : k + 2] @ H[k : k + 2]) ** 2 for k in (0, 2, 4)])
    return powers / (powers.sum(0) + 1e-30)


def test_a_component_a_stem_is_pure_and_complete():
    W, H = stems_of()
    shares = shares_of(W, H)
    one_each = W[:, ::2], H[::2]
    assert values(alignment_in_bins(*one_each, shares)) == pytest.approx((1, 1))
    # in two pieces, pure yet
    purity, completeness = values(alignment_in_bins(W, H, shares))
    assert purity == pytest.approx(1)
    assert 0.3 < completeness < 0.9


def test_components_that_ignore_the_stems_are_at_chance():
    W, H = stems_of()
    shares = shares_of(W, H)
    whole = (W @ H).sum(1, keepdims=True), (W @ H).sum(0, keepdims=True)
    assert values(alignment_in_bins(*whole, shares)) == pytest.approx((0, 0), abs=0.01)
    rng = np.random.default_rng(1)
    noise = rng.gamma(1, 1, W.shape), rng.gamma(1, 1, H.shape)
    purity, completeness = values(alignment_in_bins(*noise, shares))
    assert abs(purity) < 0.2
    assert abs(completeness) < 0.2


def test_components_of_two_stems_lie_between():
    W, H = stems_of()
    mixed = W.copy()
    mixed[:, [0, 2]] += W[:, [2, 0]]
    purity, completeness = values(alignment_in_bins(mixed, H, shares_of(W, H)))
    assert 0.2 < purity < 0.9
    assert 0 < completeness < 1


def test_in_bins_too_order_and_scale_do_not_matter():
    W, H = stems_of()
    shares = shares_of(W, H)
    W = W + 0.1 * np.roll(W, 13, axis=0)
    scales = np.random.default_rng(0).gamma(1, 1, 6)
    expected = alignment_in_bins(W, H, shares)
    for changed in (
        (W[:, ::-1], H[::-1], shares),
        (W * scales, H / scales[:, None], shares),
        (W, H, shares[::-1]),
    ):
        again = alignment_in_bins(*changed)
        assert values(again) == pytest.approx(values(expected))


# form


def test_hoyers_sparsity_is_one_for_one_entry_and_zero_for_equal_ones():
    rows = np.array([[0, 0, 0, 7.0], [2, 2, 2, 2], [0, 0, 0, 0], [1, 1, 0, 0]])
    np.testing.assert_allclose(hoyer(rows), [1, 0, 0, (2 - 2**0.5)], atol=1e-12)


def tone(fundamental, n=10, width=8.0):
    """A spectrum of partials that fall."""
    partials = fundamental * np.arange(1, n + 1)
    peaks = np.exp(-0.5 * ((FREQUENCIES[:, None] - partials) / width) ** 2)
    return peaks @ 0.8 ** np.arange(n)


def test_tones_are_harmonic_and_smooth_spectra_are_not():
    smooth = np.exp(-FREQUENCIES / 700)
    low = np.exp(-FREQUENCIES / 100)  # a drum's
    noise = np.random.default_rng(0).gamma(1, 1, len(FREQUENCIES))
    bell = tone(330) * 0 + sum(
        np.exp(-0.5 * ((FREQUENCIES - f) / 8) ** 2) for f in (410, 667, 1010, 1391)
    )
    spectra = [tone(220), tone(523.25), tone(110), bell, noise, smooth, low]
    found = harmonicity(np.stack(spectra, axis=1), FREQUENCIES)
    assert found[:3].min() > 0.75
    assert 0.2 < found[3] < found[:3].min()
    assert found[4] < 0.25
    assert found[5:].max() < 0.15
    assert harmonicity(np.zeros((400, 1)), FREQUENCIES) == [0]


def test_loud_components_count_for_more():
    W = np.stack([tone(220), np.exp(-FREQUENCIES / 700)], axis=1)
    H = np.ones((2, 50))
    one, other = (
        form(W * level, H, FREQUENCIES)["harmonicity"] for level in ([9, 1], [1, 9])
    )
    assert one > other + 0.3
    assert np.isnan(list(form(0 * W, H, FREQUENCIES).values())).all()


# of models


def test_a_model_of_notes_is_measured_in_their_time():
    rng = np.random.default_rng(0)
    rows = [
        (onset, onset + rng.uniform(0.2, 0.6), pitch, 80, "")
        for pitch in (60, 64, 67, 72)
        for onset in rng.uniform(0, 9, 6)
    ]
    notes = Notes.from_rows(rows)
    _, sounding = pitches_sounding(notes, np.arange(500) * FRAME)
    W = np.stack([tone(f) for f in (261.6, 329.6, 392.0, 523.3)], axis=1)
    model = NMF(W, sounding.astype(float))
    found = interpretability_of_notes(model, FREQUENCIES, notes, FRAME)
    assert values(found) == pytest.approx((1, 1))
    assert found["harmonicity"] > 0.7
    late = interpretability_of_notes(model, FREQUENCIES, notes, 1.3 * FRAME)
    assert late["purity"] < 0.5


def test_a_model_of_stems_may_have_channels_and_fewer_rows():
    W, H = stems_of()
    stems = [W[:, k : k + 2] @ H[k : k + 2] for k in (0, 2, 4)]
    stems = [np.concatenate([stem, stem[:5]]) for stem in stems]
    frequencies = FREQUENCIES[: len(W)]
    model = NMF(W, H)
    found = interpretability_of_stems(model, frequencies, stems)
    channels = np.stack([0.5 * H, 0.5 * H], axis=2).reshape(len(H), -1)
    two = interpretability_of_stems(NMF(W, channels), frequencies, stems)
    assert values(found) == pytest.approx(values(two))
    assert found["purity"] == pytest.approx(1)


# of sections


def test_patterns_that_are_the_sections_are_pure_and_complete():
    sections = pd.DataFrame(
        [(0, 8, "A"), (8, 16, "B"), (16, 24, "A"), (24, 28, "C")],
        columns=["start", "end", "label"],
    )
    bars = np.arange(0, 29, 2.0)
    there = labels_at(sections, bars[:-1] + 1)
    assert there.sum(1).tolist() == [8, 4, 2]
    found = interpretability_of_sections(there.T * [3.0, 1.0, 2.0], bars, sections)
    assert values(found) == pytest.approx((1, 1))
    one = interpretability_of_sections(np.ones((14, 1)), bars, sections)
    assert one["purity"] == pytest.approx(0, abs=0.01)


def test_structure_measures_models_with_patterns_and_no_others():
    sections = pd.DataFrame(
        [(0, 6, "A"), (6, 12, "B")], columns=["start", "end", "label"]
    )
    bars = np.arange(0, 13, 2.0)
    patterns = labels_at(sections, bars[:-1] + 1).T.astype(float)
    model = SimpleNamespace(along_last_mode=lambda n: patterns[:n])
    track = SimpleNamespace(sections=sections)
    objective = plugin("objectives/msa.py", bars="heard")
    heard = SimpleNamespace(bars=bars)
    found = objective.interpret(track, Estimate(sections, model, heard))
    assert values(found) == pytest.approx((1, 1))
    assert objective.interpret(track, Estimate(sections, None, heard)) == {}
    track.sections = None
    assert objective.interpret(track, Estimate(sections, model, heard)) == {}


# of objectives


def test_transcription_measures_models_with_components_and_no_others():
    t = np.arange(4 * 22050) / 22050
    notes = [(0.0, 1.2, 57), (0.6, 2.2, 69), (1.5, 3.9, 64), (2.6, 4.0, 57)]
    heard = {57: 0, 64: 0, 69: 0}
    for onset, offset, pitch in notes:
        tone = np.sin(2 * np.pi * 440 * 2 ** ((pitch - 69) / 12) * t)
        heard[pitch] = heard[pitch] + 0.2 * tone * (onset <= t) * (t < offset)
    spectra = [spectrogram(y[None].astype(np.float32), 22050) for y in heard.values()]
    model = NMF(
        np.stack([V.sum(1) for V in spectra], axis=1),
        np.stack([V.sum(0) / V.sum() for V in spectra]),
        labels=list(heard),
    )
    track = SimpleNamespace(notes=Notes.from_rows([(*n, 80, "") for n in notes]))
    objective = plugin("objectives/amt.py")
    objective.task = SimpleNamespace(represent=lambda _: sum(spectra))
    found = objective.interpret(track, Estimate([], evidence=model))
    assert set(found) == set(INTERPRETABILITY)
    assert found["faithfulness"] > 0.5
    assert found["purity"] > 0.5
    assert found["completeness"] > 0.5
    assert found["harmonicity"] > 0.5
    assert objective.interpret(track, Estimate([])) == {}
    track.notes = None
    assert objective.interpret(track, Estimate([], evidence=model)) == {}


def test_separation_measures_models_with_components_and_no_others(tmp_path):
    sr, length = 8000, 24_000
    spectrum = np.fft.rfft(np.random.default_rng(0).normal(0, 0.1, length))
    low = np.fft.rfftfreq(length, 1 / sr) < 1000
    beats = np.arange(length) / sr / 0.4 % 2 < 1
    for name, part, sounds in (("bass", low, beats), ("lead", ~low, ~beats)):
        y = np.fft.irfft(spectrum * part) * (0.1 + sounds)
        soundfile.write(tmp_path / f"{name}.wav", y, sr)
    track = Track("song", {name: tmp_path / f"{name}.wav" for name in ("bass", "lead")})
    objective = plugin("objectives/mss.py", phase="mixture")
    objective.task = SimpleNamespace(test=[Recording(track)])
    model = nmf(magnitudes(*track.audio()), 2, beta=1, seed=0, max_iter=100)
    found = objective.interpret(track, Estimate({}, evidence=model))
    assert set(found) == set(INTERPRETABILITY)
    assert found["purity"] > 0.6
    assert found["completeness"] > 0.6
    assert np.isnan(found["faithfulness"])  # it claims nothing
    model.labels = ["bass", "lead"]
    claims = objective.interpret(track, Estimate({}, evidence=model))["faithfulness"]
    assert abs(claims) > 0.6
    model.labels = ["lead", "bass"]
    others = objective.interpret(track, Estimate({}, evidence=model))["faithfulness"]
    assert claims * others < 0
    assert objective.interpret(track, Estimate({})) == {}
    alone = Track("alone", {"mixture": track.stem_files["bass"]})
    assert objective.interpret(alone, Estimate({}, evidence=model)) == {}
