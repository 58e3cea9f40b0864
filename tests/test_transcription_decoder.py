"""Salience to notes, for any model."""

from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from solving import plugin

from musaic_core.data.notes import Notes
from musaic_core.data.recording import Recording, Track
from musaic_core.tasks.transcription.decoder import NoteDecoder, Salience, find_rises
from musaic_core.tasks.transcription.scores import transcription_scores
from musaic_core.tasks.transcription.spectrogram import FRAME, PITCHES


def heard(notes, n_frames, level=1.0, noise=0.0, seed=0):
    """A salience in which notes attack at once and decay by a third in a second."""
    rng = np.random.default_rng(seed)
    out = noise * rng.random((88, n_frames))
    for (onset, offset), pitch in zip(notes.intervals, notes.pitches, strict=True):
        first, last = round(onset / FRAME), round(offset / FRAME)
        times = np.arange(last - first)[: n_frames - first] * FRAME
        out[pitch - 21, first : first + len(times)] += np.exp(-times / 2.5)
    return Salience(level * out)


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
    assert len(decoder.decode(Salience(np.zeros((88, 430))))) == 0


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
    found = decoder.decode(Salience(salience))
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
    found = decoder.decode(Salience(salience))
    scaled = decoder.decode(Salience(2.0 ** round(scale) * salience))
    np.testing.assert_array_equal(scaled.intervals, found.intervals)
    np.testing.assert_array_equal(scaled.pitches, found.pitches)
    np.testing.assert_array_equal(scaled.velocities, found.velocities)


def test_a_note_that_is_alone_in_silence_is_found_at_any_scale(decoder):
    salience = np.zeros((88, 40))
    salience[30, 20] = 1
    found = [len(decoder.decode(Salience(s * salience))) for s in (1e-6, 1e-2, 1, 1e6)]
    assert found == [found[0]] * 4


@pytest.mark.parametrize("factor", [1e-6, 3.7, 1e6])
def test_a_louder_recording_gives_the_same_notes(decoder, factor):
    music = heard(melody(seed=5), 430, noise=0.1)
    found = decoder.decode(music)
    assert len(found)
    louder = decoder.decode(Salience(factor * music.level))
    np.testing.assert_allclose(louder.intervals, found.intervals, rtol=1e-12)
    np.testing.assert_array_equal(louder.pitches, found.pitches)


def test_a_decoder_fitted_on_silence_finds_nothing():
    silence = Salience(np.zeros((88, 100)))
    decoder = NoteDecoder().fit([(silence, melody(seed=0, n=5))])
    assert len(decoder.decode(silence)) == 0
    assert len(decoder.decode(heard(melody(seed=0, n=5), 100))) == 0


def test_a_decoder_fitted_on_nothing_finds_nothing():
    decoder = NoteDecoder().fit([])
    assert len(decoder.decode(heard(melody(seed=0, n=5), 100))) == 0


def with_onsets(notes, n_frames, seed):
    """A salience that swells, beside probabilities of onsets where notes begin."""
    rng = np.random.default_rng(seed)
    onset = 0.3 * rng.random((88, n_frames))
    level = 0.2 * rng.random((88, n_frames))
    for (start, end), pitch in zip(notes.intervals, notes.pitches, strict=True):
        first, last = round(start / FRAME), min(round(end / FRAME), n_frames)
        onset[pitch - 21, first] = 0.9
        level[pitch - 21, first:last] += np.linspace(0.3, 1, last - first)
    return Salience(level, onset)


def test_notes_begin_where_a_model_says_that_they_do():
    examples = [melody(seed) for seed in range(3)]
    decoder = NoteDecoder().fit(
        [(with_onsets(notes, 430, i), notes) for i, notes in enumerate(examples)]
    )
    reference = melody(seed=7)
    found = decoder.decode(with_onsets(reference, 430, 7))
    scores = transcription_scores(reference, found, 430 * FRAME)
    assert scores["onset_f1"] > 0.95
    matched = [np.abs(reference.onsets - onset).min() for onset in found.onsets]
    assert np.median(matched) <= FRAME / 2  # not half of the lag later


@pytest.mark.parametrize("later", [-0.5, -0.3, 0, 0.2, 0.5])
def test_a_note_begins_between_frames(later):
    rise = np.zeros((88, 40))
    rise[40, 9:12] = np.clip(1.5 - np.abs(np.arange(-1, 2) - later), 0, 1)
    level = np.repeat([[0.0, 1.0]], [10, 30], axis=1) * np.ones((88, 1))
    rises = find_rises(Salience(level, rise))
    assert rises.keys.tolist() == [40]
    assert rises.times == pytest.approx([(10 + later) * FRAME])


def test_a_rise_that_stays_at_its_maximum_is_one():
    rise = np.zeros((88, 40))
    rise[40, 10:13] = 0.8
    rises = find_rises(Salience(np.ones((88, 40)), rise))
    assert rises.frames.tolist() == [10]


def test_of_thresholds_that_are_as_good_the_middle_is_taken():
    examples = [melody(seed) for seed in range(3)]
    examples = [(with_onsets(notes, 430, i), notes) for i, notes in enumerate(examples)]
    decoder = NoteDecoder().fit(examples)
    sure = [decoder._sureness(find_rises(heard)) for heard, _ in examples]
    found = [(s > t).sum() for s in sure for t in (0.2, 0.8)]
    assert found[::2] == found[1::2]  # all thresholds from 0.2 to 0.8 are as good
    assert decoder._threshold == pytest.approx(0.5, abs=0.06)


@pytest.mark.parametrize("decoder", ["own", "task"])
def test_basic_pitch_gives_its_own_notes_or_what_the_task_decodes(decoder, tmp_path):
    """The network is stood in for: both its outputs have pitch 60 from 1 s to 2 s."""
    times = np.arange(300) / 86
    shown = np.zeros((300, 88))
    shown[(times >= 1) & (times < 2), 60 - 21] = 0.9
    asked = {}

    def model_output_to_notes(output, **thresholds):
        asked.update(thresholds)
        return None, [(1.0, 2.0, 60, 0.5, None)]

    solver = plugin("solvers/basic_pitch.py", decoder=decoder)
    solver.model, solver.infer = None, lambda *_: {"note": shown, "onset": shown}
    solver.package = SimpleNamespace(
        model_output_to_notes=model_output_to_notes,
        model_frames_to_time=lambda n: times[:n],
    )
    soundfile.write(tmp_path / "song.wav", np.full(66150, 0.1), 22050)
    track = Track("song", {"mixture": tmp_path / "song.wav"})
    found = solver.predict(Recording(track), None)
    assert solver.describes == (decoder == "task")
    if decoder == "own":
        assert asked == {"onset_thresh": 0.5, "frame_thresh": 0.3}
        assert found.intervals.tolist() == [[1, 2]]
        assert found.pitches.tolist() == [60]
    else:
        heard = np.flatnonzero(found.level[60 - 21] > 0.5) * FRAME
        assert heard[[0, -1]] == pytest.approx([1, 2], abs=0.03)
        assert found.onset.shape == found.level.shape
