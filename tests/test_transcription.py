"""Transcription: from spectra to notes, and notes to scores."""

import librosa
import numpy as np
import pytest
from conftest import MINI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from musaic_core.data.notes import Notes
from musaic_core.data.track import read_corpus
from musaic_core.lowrank.models import NMF
from musaic_core.lowrank.nmf import nmf
from musaic_core.tasks.transcription import task as transcription
from musaic_core.tasks.transcription.task import (
    FRAME,
    PITCHES,
    SAMPLE_RATE,
    WINDOW,
    NoteDecoder,
    Transcription,
    estimate_pitches,
    no_notes,
    salience,
    transcription_scores,
)

METRICS = {
    **dict.fromkeys(("onset", "note"), ("precision", "recall", "f1")),
    **dict.fromkeys(("frame", "chroma"), ("precision", "recall", "accuracy")),
}
SCORES = [f"{of}_{metric}" for of, metrics in METRICS.items() for metric in metrics]

notes = st.lists(
    st.tuples(
        st.floats(0, 9).map(lambda time: round(time, 3)),
        st.floats(0.05, 1),
        st.integers(21, 108),
    ),
    min_size=1,
    max_size=20,
    unique_by=lambda note: (note[2], note[0]),
).map(lambda rows: Notes.from_rows((t, t + length, p, 80, "") for t, length, p in rows))


def heard(notes, n_frames, level=1.0, noise=0.0, seed=0):
    """A salience in which notes attack at once and decay by a third in a second."""
    rng = np.random.default_rng(seed)
    out = noise * rng.random((88, n_frames))
    for (onset, offset), pitch in zip(notes.intervals, notes.pitches, strict=True):
        first, last = round(onset / FRAME), round(offset / FRAME)
        times = np.arange(last - first)[: n_frames - first] * FRAME
        out[pitch - 21, first : first + len(times)] += np.exp(-times / 2.5)
    return level * out


def melody(seed, n=30):
    """Some notes of random pitches, one every 0.3 s, some of them two at once."""
    rng = np.random.default_rng(seed)
    return Notes.from_rows(
        (0.3 * i + 0.2, 0.3 * i + rng.uniform(0.35, 0.6), pitch, 80, "")
        for i in range(n)
        for pitch in rng.choice(np.arange(40, 80), rng.integers(1, 3), replace=False)
    )


@pytest.fixture(scope="module")
def decoder():
    """A decoder fitted on a salience with much noise, so that it has to decide."""
    examples = [melody(seed) for seed in range(3)]
    return NoteDecoder().fit(
        [
            (heard(notes, 430, noise=0.2, seed=i), notes)
            for i, notes in enumerate(examples)
        ]
    )


def test_the_notes_of_a_clean_salience_are_found(decoder):
    reference = melody(seed=7)
    estimate = decoder.decode(heard(reference, 430))
    scores = transcription_scores(reference, estimate, 430 * FRAME)
    assert scores["onset_f1"] > 0.95
    assert scores["frame_accuracy"] > 0.75


def test_noise_alone_gives_fewer_notes_than_music(decoder):
    music = decoder.decode(heard(melody(seed=7), 430, noise=0.2, seed=9))
    assert len(music) >= 25
    assert len(decoder.decode(np.zeros((88, 430)))) == 0


saliences = st.tuples(
    st.integers(1, 80), st.integers(0, 2**32 - 1), st.floats(0, 1)
).map(
    lambda draw: (
        np.random.default_rng(draw[1]).gamma(0.3, 1, (88, draw[0]))
        * (np.random.default_rng(draw[1] + 1).random((88, draw[0])) < draw[2])
    )
)
whatever = settings(
    deadline=None,
    max_examples=50,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    database=None,
)


@whatever
@given(salience=saliences)
def test_decoded_notes_lie_on_the_keyboard_and_last(decoder, salience):
    found = decoder.decode(salience)
    onsets, offsets = found.intervals.T
    assert (onsets >= 0).all()
    assert (offsets > onsets).all()
    assert (offsets <= (salience.shape[1] + 1) * FRAME).all()
    assert set(found.pitches) <= set(PITCHES)
    assert ((found.velocities >= 1) & (found.velocities <= 127)).all()
    for pitch in np.unique(found.pitches):  # a key is struck again only once it is up
        of_key = found.pitches == pitch
        assert (onsets[of_key][1:] >= offsets[of_key][:-1] - 1e-9).all()


@whatever
@given(salience=saliences, scale=st.floats(-12, 12))
def test_notes_do_not_depend_on_the_scale_of_the_salience(decoder, salience, scale):
    found = decoder.decode(salience)
    scaled = decoder.decode(2.0 ** round(scale) * salience)
    np.testing.assert_array_equal(scaled.intervals, found.intervals)
    np.testing.assert_array_equal(scaled.pitches, found.pitches)
    np.testing.assert_array_equal(scaled.velocities, found.velocities)


@pytest.mark.parametrize("factor", [1e-6, 3.7, 1e6])
def test_a_louder_recording_gives_the_same_notes(decoder, factor):
    music = heard(melody(seed=5), 430, noise=0.1)
    found = decoder.decode(music)
    assert len(found)
    louder = decoder.decode(factor * music)
    np.testing.assert_array_equal(louder.intervals, found.intervals)
    np.testing.assert_array_equal(louder.pitches, found.pitches)


def test_a_decoder_fitted_on_silence_finds_nothing():
    silence = np.zeros((88, 100))
    decoder = NoteDecoder().fit([(silence, melody(seed=0, n=5))])
    assert len(decoder.decode(silence)) == 0
    assert len(decoder.decode(heard(melody(seed=0, n=5), 100))) == 0


@whatever
@given(reference=notes)
def test_the_reference_itself_scores_one(reference):
    scores = transcription_scores(reference, reference, 10.0)
    assert set(scores) == set(SCORES)
    for name in ("onset_f1", "note_f1", "onset_precision", "note_recall"):
        assert scores[name] == 1
    # a frame that no note reaches counts for nothing
    assert scores["frame_accuracy"] == scores["frame_precision"] == 1
    assert scores["chroma_accuracy"] == 1


@whatever
@given(reference=notes)
def test_silence_scores_zero(reference):
    scores = transcription_scores(reference, no_notes(), 10.0)
    assert set(scores) == set(SCORES)
    assert set(scores.values()) == {0}


@whatever
@given(reference=notes, estimate=notes)
def test_scores_lie_between_zero_and_one(reference, estimate):
    scores = transcription_scores(reference, estimate, 10.0)
    assert all(0 <= score <= 1 for score in scores.values())
    assert scores["note_f1"] <= scores["onset_f1"]
    assert scores["frame_accuracy"] <= scores["chroma_accuracy"] + 1e-12


@pytest.mark.parametrize(("shift", "right"), [(0.03, 1), (-0.03, 1), (0.07, 0)])
def test_an_onset_is_right_within_50_ms(shift, right):
    reference = Notes.from_rows([(1.0, 2.0, 60, 80, "")])
    estimate = Notes.from_rows([(1.0 + shift, 2.0, 60, 80, "")])
    assert transcription_scores(reference, estimate, 3.0)["onset_f1"] == right


def test_an_octave_error_counts_as_right_only_for_chroma():
    reference = Notes.from_rows([(1.0, 2.0, 60, 80, "")])
    estimate = Notes.from_rows([(1.0, 2.0, 72, 80, "")])
    scores = transcription_scores(reference, estimate, 3.0)
    assert scores["chroma_accuracy"] == 1
    assert scores["onset_f1"] == scores["note_f1"] == scores["frame_accuracy"] == 0


def test_a_note_cut_short_is_right_for_its_onset_only():
    reference = Notes.from_rows([(1.0, 2.0, 60, 80, "")])
    estimate = Notes.from_rows([(1.0, 1.5, 60, 80, "")])
    scores = transcription_scores(reference, estimate, 3.0)
    assert (scores["onset_f1"], scores["note_f1"]) == (1, 0)
    assert scores["frame_precision"] == 1
    assert scores["frame_recall"] == pytest.approx(0.5, abs=0.03)


@pytest.fixture(scope="module")
def piano():
    """One piano recording of the corpus, two to learn from, and the dictionary."""
    folder = MINI / "piano"
    return Transcription(
        read_corpus(folder / "train-seen")[:2],
        read_corpus(folder / "test")[-1:],
        read_corpus(folder / "notes-seen"),
    )


class Sine:
    """A track of one tone with decaying harmonics."""

    id, files = "tone", ["tone.wav"]

    def __init__(self, pitch, harmonics=8):
        t = np.arange(SAMPLE_RATE) / SAMPLE_RATE
        hz = librosa.midi_to_hz(pitch)
        tone = sum(
            0.7**n * np.sin(2 * np.pi * n * hz * t)
            for n in range(1, harmonics + 1)
            if n * hz < SAMPLE_RATE / 2
        )
        self.y = tone[None].astype(np.float32)

    def audio(self):
        return self.y, SAMPLE_RATE


@pytest.mark.parametrize("pitch", [28, 40, 52, 60, 67, 76, 88, 96])
def test_the_pitch_of_a_harmonic_tone_is_found(piano, pitch):
    spectrum = piano.represent(Sine(pitch)).mean(1, keepdims=True)
    assert estimate_pitches(spectrum).tolist() == [pitch]
    assert estimate_pitches(1e-3 * spectrum).tolist() == [pitch]


def test_a_flat_or_empty_template_has_no_pitch(piano):
    n_bands = len(piano.dictionary.templates)
    flat = np.zeros((n_bands, 2))
    flat[:, 0] = 1
    assert estimate_pitches(flat, least=0.6).tolist() == [0, 0]
    assert estimate_pitches(flat)[1] == 0


def test_pitches_of_isolated_notes_are_found(piano):
    dictionary = piano.dictionary
    found = estimate_pitches(dictionary.templates)
    assert np.isin(found, [0, *PITCHES]).all()
    wrong = (found != dictionary.pitches) & (found != 0)
    assert wrong.mean() < 0.05
    sustained = (dictionary.pitches >= 40) & (dictionary.pitches <= 94)
    sustained[::2] = False  # attacks are half noise
    np.testing.assert_array_equal(found[sustained], dictionary.pitches[sustained])


def test_a_spectrogram_is_nonnegative_and_has_a_frame_every_23_ms(piano):
    V = piano.represent(Sine(60))
    assert V.dtype == np.float32
    assert (V >= 0).all()
    assert V.shape[1] == 1 + SAMPLE_RATE // 512
    assert V.shape[0] == piano.dictionary.templates.shape[0]
    np.testing.assert_allclose(piano.represent(Half(60)), V / 2, rtol=1e-5, atol=1e-6)


class Half(Sine):
    """The same, at half the amplitude."""

    def audio(self):
        return self.y / 2, SAMPLE_RATE


def test_the_dictionary_has_an_attack_and_a_sustain_of_every_key(piano):
    dictionary = piano.dictionary
    assert np.array_equal(dictionary.pitches, np.repeat(PITCHES, 2))
    np.testing.assert_allclose(dictionary.templates.sum(0), 1, rtol=1e-5)
    assert Transcription([], []).dictionary is None


def test_salience_adds_the_templates_of_one_pitch_at_their_loudness():
    templates = np.array([[1.0, 2.0, 0.0, 5.0], [1.0, 0.0, 3.0, 5.0]])
    activations = np.arange(12.0).reshape(4, 3)
    out = salience(NMF(templates, activations), np.array([60, 60, 61, 0]))
    assert out.shape == (88, 3)
    np.testing.assert_allclose(out[60 - 21], 2 * activations[0] + 2 * activations[1])
    np.testing.assert_allclose(out[61 - 21], 3 * activations[2])
    assert out.sum() == pytest.approx(out[60 - 21 : 62 - 21].sum())


def test_salience_does_not_depend_on_how_scale_is_split_between_factors():
    rng = np.random.default_rng(0)
    W, H, c = rng.random((9, 4)), rng.random((4, 7)), np.array([0.1, 1, 7, 100])
    pitches = np.array([50, 60, 60, 70])
    np.testing.assert_allclose(
        salience(NMF(W * c, H / c[:, None]), pitches), salience(NMF(W, H), pitches)
    )


def kullback_leibler(V, templates):
    return nmf(
        V,
        templates.shape[1],
        beta=1,
        init=(templates, None),
        fixed=("templates",),
        max_iter=60,
        seed=0,
    )


def test_fixed_dictionary_nmf_finds_nine_of_ten_piano_notes(piano):
    (track,) = piano.test
    estimate = piano.factorize(kullback_leibler, supervised=True)[track.id]
    scores = transcription_scores(track.notes, estimate.answer, track.duration)
    assert scores["onset_f1"] >= 0.9
    assert estimate.n_parameters > 0


def test_a_model_that_fails_on_one_recording_keeps_the_others(piano):
    good, bad = piano.train
    task = Transcription([], [good, bad], [])

    def model(track):
        if track is bad:
            raise RuntimeError("no memory")
        return no_notes()

    estimates = task.predict(model)
    assert estimates[good.id].error == ""
    assert estimates[bad.id].answer is None
    assert estimates[bad.id].error == f"{bad.id}: RuntimeError: no memory"


def test_a_model_that_fails_on_all_recordings_is_an_error(piano):
    with pytest.raises(ZeroDivisionError):
        piano.predict(lambda track: 1 / 0)


def test_too_short_a_recording_is_refused_by_name(piano):
    tone = Sine(60)
    tone.y = tone.y[:, : WINDOW - 1]
    with pytest.raises(ValueError, match=r"tone\.wav: 0\.19 s are too short"):
        piano.represent(tone)


@pytest.mark.parametrize("budget", [0, 1e9])
def test_what_is_kept_for_all_models_no_model_can_change(piano, budget, monkeypatch):
    monkeypatch.setattr(transcription, "KEPT_BYTES", budget)
    task = Transcription(piano.train[:1], piano.train[1:2])
    task.prepare()
    (track,) = task.test
    read = []
    monkeypatch.setattr(type(track), "audio", lambda track: read.append(track))
    if budget == 0:
        with pytest.raises(TypeError):  # it is read anew
            task.represent(track)
        assert read == [track]
        return
    V = task.represent(track)
    kept = V.copy()
    V[:] = 0
    np.testing.assert_array_equal(task.represent(track), kept)
    assert read == []
