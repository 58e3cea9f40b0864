"""Transcription: what models see of a recording, and what is made of them."""

from dataclasses import replace
from functools import partial

import numpy as np
import pretty_midi
import pytest
import soundfile
from solving import factorizer, piano, plugin, solve
from transcribing import kullback_leibler, no_audio, tone

from musaic_core.benchmark.solver import Solver
from musaic_core.data.errors import InputError
from musaic_core.data.recording import Track
from musaic_core.lowrank import NMF
from musaic_core.tasks.kept import Kept
from musaic_core.tasks.transcription.decoder import Salience, no_notes
from musaic_core.tasks.transcription.scores import transcription_scores
from musaic_core.tasks.transcription.spectrogram import (
    PITCHES,
    SAMPLE_RATE,
    WINDOW,
    band_frequencies,
    estimate_pitches,
    spectrogram,
)
from musaic_core.tasks.transcription.task import (
    TUNING_SECONDS,
    VERSIONS,
    Transcription,
    salience,
)

# the spectrogram


@pytest.mark.parametrize("pitch", [28, 40, 52, 60, 67, 76, 88, 96])
def test_the_pitch_of_a_harmonic_tone_is_found(pitch):
    spectrum = spectrogram(*tone(pitch)).mean(1, keepdims=True)
    assert estimate_pitches(spectrum).tolist() == [pitch]
    assert estimate_pitches(1e-3 * spectrum).tolist() == [pitch]


def test_a_flat_or_empty_template_has_no_pitch():
    flat = np.zeros((len(band_frequencies()), 2))
    flat[:, 0] = 1
    assert estimate_pitches(flat, least=0.6).tolist() == [0, 0]
    assert estimate_pitches(flat)[1] == 0


def test_pitches_of_isolated_notes_are_found():
    dictionary = piano()[0].dictionary
    found = estimate_pitches(dictionary.templates)
    assert np.isin(found, [0, *PITCHES]).all()
    wrong = (found != dictionary.labels) & (found != 0)
    assert wrong.mean() < 0.05
    sustained = (dictionary.labels >= 40) & (dictionary.labels <= 94)
    sustained[::2] = False  # attacks are half noise
    np.testing.assert_array_equal(found[sustained], dictionary.labels[sustained])


def test_a_spectrogram_is_nonnegative_and_has_a_frame_every_23_ms():
    y, sr = tone(60)
    V = spectrogram(y, sr)
    assert V.dtype == np.float32
    assert (V >= 0).all()
    assert V.shape == (len(band_frequencies()), 1 + SAMPLE_RATE // 512)
    np.testing.assert_allclose(spectrogram(y / 2, sr), V / 2, rtol=1e-5, atol=1e-6)


def test_the_complex_spectrum_has_the_frames_of_the_spectrogram():
    task, track = piano()
    spectrum = task.transform(track)
    n_channels, n_frames = len(track.audio()[0]), task.represent(track).shape[1]
    assert spectrum.shape == (n_channels, 1 + WINDOW // 2, n_frames)
    assert np.iscomplexobj(spectrum)


def test_too_short_a_recording_is_refused_by_name(tmp_path):
    y, sr = tone(60)
    soundfile.write(tmp_path / "tone.wav", y[0, : WINDOW - 1], sr)
    track = Track("tone", {"mixture": tmp_path / "tone.wav"})
    with pytest.raises(InputError, match=r"tone\.wav: 0\.19 s are too short"):
        Transcription([], []).represent(track)


# from a model to notes


def test_salience_adds_the_templates_of_one_pitch_at_their_loudness():
    templates = np.array([[1.0, 2.0, 0.0, 5.0], [1.0, 0.0, 3.0, 5.0]])
    activations = np.arange(12.0).reshape(4, 3)
    out = salience(NMF(templates, activations, labels=np.array([60, 60, 61, 0])))
    assert out.shape == (88, 3)
    np.testing.assert_allclose(out[60 - 21], 2 * activations[0] + 2 * activations[1])
    np.testing.assert_allclose(out[61 - 21], 3 * activations[2])
    assert out.sum() == pytest.approx(out[60 - 21 : 62 - 21].sum())


def test_salience_does_not_depend_on_how_scale_is_split_between_factors():
    rng = np.random.default_rng(0)
    W, H, c = rng.random((9, 4)), rng.random((4, 7)), np.array([0.1, 1, 7, 100])
    labels = np.array([50, 60, 60, 70])
    np.testing.assert_allclose(
        salience(NMF(W * c, H / c[:, None], labels=labels)),
        salience(NMF(W, H, labels=labels)),
    )


def test_fixed_dictionary_nmf_finds_nine_of_ten_piano_notes():
    task, track = piano()
    estimate = solve(task, factorizer(kullback_leibler, "fixed"))[track.id]
    scores = transcription_scores(track.notes, estimate.answer, track.duration)
    assert scores["onset_f1"] >= 0.9
    assert estimate.n_parameters > 0
    assert estimate.evidence.labels.tolist() == task.dictionary.labels.tolist()


class Hears(Solver):
    """Gives what a function makes of a recording."""

    name = "hears"
    answers = "notes"
    parameters = {"hear": [None]}

    def predict(self, recording, given):
        return self.hear(recording)


def hears(function):
    made = Hears.get_instance(hear=function)
    made.get_seed = lambda **_: 0
    return made


def test_a_model_that_fails_on_one_recording_keeps_the_others():
    good, bad = piano()[0].train

    def model(recording):
        if recording.id == bad.id:
            raise RuntimeError("no memory")
        return no_notes()

    estimates = solve(Transcription([], [good, bad]), hears(model))
    assert estimates[good.id].error == ""
    assert estimates[bad.id].answer is None
    assert estimates[bad.id].error == f"{bad.id}: RuntimeError: no memory"


def test_a_model_that_fails_on_all_recordings_is_an_error():
    with pytest.raises(ZeroDivisionError):
        solve(Transcription([], piano()[0].train), hears(lambda recording: 1 / 0))


def test_a_model_that_fails_on_all_training_recordings_is_an_error():
    task, _ = piano()
    with pytest.raises(ZeroDivisionError):
        solve(task, factorizer(lambda V, given: 1 / 0))


def test_a_decoder_is_tuned_on_versions_of_the_middle_of_each_recording():
    task, _ = piano()
    (track, _), y = task.train, task.train[0].audio()[0]
    versions, notes = task.excerpts[track]
    sounds = [excerpt.audio()[0] for excerpt in versions]
    assert len(sounds) == VERSIONS
    length = TUNING_SECONDS * track.rate
    first = (y.shape[1] - length) // 2
    clean = spectrogram(y[:, first : first + length], track.rate)
    for excerpt, sound in zip(versions, sounds, strict=True):
        assert sound.shape == (len(y), length)
        assert excerpt.duration == TUNING_SECONDS
        V = task.represent(excerpt)
        likeness = (V * clean).sum() / np.linalg.norm(V) / np.linalg.norm(clean)
        assert 0.3 < likeness < 0.99  # the same music, elsewhere
    assert not np.allclose(*sounds)
    assert len(notes) == len(
        track.notes.between(first / track.rate, first / track.rate + 8)
    )
    assert ((notes.onsets >= 0) & (notes.onsets < TUNING_SECONDS)).all()


def test_all_models_are_tuned_on_the_same_sounds():
    task, _ = piano()
    heard = []

    def listen(recording):
        heard.append(recording.audio()[0])
        return Salience(np.zeros((88, 300)))

    for _ in range(2):
        task.tune(listen)
    half = len(heard) // 2
    assert half == VERSIONS * len(task.train)
    for first, second in zip(heard[:half], heard[half:], strict=True):
        np.testing.assert_array_equal(first, second)


def test_a_training_recording_that_is_too_short_leaves_the_others(capsys):
    good = piano()[0].train[0]
    short = Track("short", {"mixture": partial(tone, 60, 0.1)}, no_notes)
    task = Transcription([short, good], [])
    assert list(task.excerpts) == [good]
    assert "short: is too short to tune the decoder on" in capsys.readouterr().out


def test_training_recordings_that_cannot_be_used_leave_the_others(capsys):
    (first, _), (_, track) = piano()[0].train, piano()
    untold = Track("untold", first.stem_files)
    odd = Track("absent", {"mixture": no_audio}, first.notes_from)
    task = Transcription([untold, odd, first], [track])
    assert list(task.excerpts) == [first]
    printed = capsys.readouterr().out
    assert "has no notes to tune the decoder on" in printed
    assert "absent: KeyError: 'no such entry'" in printed


@pytest.mark.parametrize("n_bytes", [0, 1e9])
def test_what_is_kept_for_all_models_no_model_can_change(n_bytes):
    read = []

    def listen():
        read.append(1)
        return tone(60)

    task = Transcription([], [Track("tone", {"mixture": listen})])
    task._kept = Kept(n_bytes)
    task.prepare(task.axes[0], describes=False)
    (recording,) = task.test
    V = task.represent(recording)
    kept = V.copy()
    V[:] = 0
    np.testing.assert_array_equal(task.represent(recording), kept)
    assert len(read) == (1 if n_bytes else 3)  # or it is read anew


# the objective


def objective_data(**data):
    (train, _), (_, track) = piano()[0].train, piano()
    return {"train": [train], "test": [track], **data}


def test_the_objective_takes_corpora_without_isolated_notes_and_with_more(capsys):
    objective = plugin("objectives/amt.py")
    data = objective_data(chords="unheard of", licence=partial(int, 3))
    assert objective.skip(**data) == (False, None)
    objective.set_data(**data)
    assert objective.task.dictionary is None
    solver = plugin("solvers/nmf.py", dictionary="fixed", beta=1, rank=4, n_iter=5)
    assert solver.skip(objective.task) == (
        True,
        "there is nothing to learn a dictionary from",
    )
    (row,) = objective.evaluate_result(**solver_result(objective))
    assert row["value"] == 0
    assert row["error"] == ""


def solver_result(objective):
    silence = plugin("solvers/silence.py")
    assert silence._set_objective(objective) == (False, None)
    silence.run(None)
    return silence.get_result()


def test_a_reference_of_drums_alone_gives_no_score_and_a_reason(tmp_path, capsys):
    file = tmp_path / "drums.mid"
    midi = pretty_midi.PrettyMIDI()
    midi.instruments.append(pretty_midi.Instrument(0, is_drum=True))
    midi.instruments[0].notes.append(pretty_midi.Note(80, 38, 0.1, 0.2))
    midi.write(str(file))
    data = objective_data()
    objective = plugin("objectives/amt.py")
    objective.set_data(data["train"], [replace(data["test"][0], notes_from=file)])
    (row,) = objective.evaluate_result(**solver_result(objective))
    assert np.isnan(row["value"])
    assert row["error"] == f"{file}: has no pitched notes, so there is no score"
