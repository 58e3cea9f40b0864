"""The embedded corpus is what its manifest says."""

import hashlib
import json

import numpy as np
import pytest
from conftest import MINI

from musaic_core.data.corpus import read_corpus
from musaic_core.data.notes import read_midi

MANIFEST = json.loads((MINI / "manifest.json").read_text(encoding="utf-8"))
PARTS = ("piano", "quartets", "songs")
FOLDERS = [f"{part}/{split}" for part in PARTS for split in ("test", "train-seen")]


def titles(folder):
    return {
        (track.get("composer"), track["title"])
        for name, track in MANIFEST["tracks"].items()
        if name.startswith(f"{folder}/")
    }


def test_files_are_those_of_the_manifest_byte_for_byte():
    here = {
        file.relative_to(MINI).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for part in PARTS
        for file in (MINI / part).rglob("*")
        if file.is_file()
    }
    assert here == MANIFEST["files"]


def test_every_track_has_its_source_and_licence():
    folders = {file.rsplit("/", 1)[0] for file in MANIFEST["files"]}
    assert folders == set(MANIFEST["tracks"])
    for track in MANIFEST["tracks"].values():
        assert track["font"] in MANIFEST["fonts"]
        assert track["licence"]
        assert track.get("source") or "every semitone" in track["title"]
    for font in MANIFEST["fonts"].values():
        assert {"name", "version", "licence", "sha256"} <= set(font)


def test_the_corpus_is_small():
    files = [file for file in MINI.rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) <= 30e6


@pytest.mark.parametrize(
    ("folder", "least", "shortest", "longest"),
    [
        ("quartets/test", 7, 20, 45),
        *((f"quartets/{s}", 10, 20, 40) for s in ("train-seen", "train-unseen")),
        *((f"piano/{s}", 8, 20, 40) for s in ("test", "train-seen", "train-unseen")),
        ("songs/test", 7, 65, 100),
        *((f"songs/{s}", 5, 50, 75) for s in ("train-seen", "train-unseen")),
    ],
)
def test_each_part_has_its_number_of_tracks(folder, least, shortest, longest):
    tracks = read_corpus(MINI / folder)
    assert len(tracks) >= least
    for track in tracks:
        assert shortest <= track.duration <= longest
        duration = MANIFEST["tracks"][f"{folder}/{track.id}"]["duration"]
        assert track.duration == pytest.approx(duration, abs=0.06)


@pytest.mark.parametrize("part", PARTS)
def test_no_piece_is_both_learned_from_and_scored(part):
    test, train = titles(f"{part}/test"), titles(f"{part}/train-seen")
    assert len(test) == len(read_corpus(MINI / part / "test"))
    assert len(train) == len(read_corpus(MINI / part / "train-seen"))
    assert not test & train
    notes = [
        {file.read_bytes() for file in (MINI / part / split).glob("*/notes.mid")}
        for split in ("test", "train-seen")
    ]
    assert not notes[0] & notes[1]


@pytest.mark.parametrize("part", PARTS)
def test_the_two_timbres_play_the_same_notes_and_sound_different(part):
    for split in ("train", "notes"):
        seen = read_corpus(MINI / part / f"{split}-seen")
        unseen = read_corpus(MINI / part / f"{split}-unseen")
        assert seen
        assert [track.id for track in seen] == [track.id for track in unseen]
        for a, b in zip(seen, unseen, strict=True):
            assert list(a.stem_files) == list(b.stem_files)
            here, there = (track.audio_files[0].parent for track in (a, b))
            for file in here.iterdir():
                other = there / file.name
                same = file.read_bytes() == other.read_bytes()
                assert same == (file.suffix != ".ogg")


def test_several_composers_wrote_the_piano_pieces_and_the_pedal_is_used():
    for split in ("test", "train-seen"):
        assert len({composer for composer, _ in titles(f"piano/{split}")}) >= 4
        for file in (MINI / "piano" / split).glob("*/notes.mid"):
            held = read_midi(file)
            assert bytes([0xB0, 64]) in file.read_bytes()
            assert len(held)


def test_quartets_have_one_file_for_each_instrument():
    instruments = ["bassoon", "clarinet", "saxophone", "violin"]
    for split in ("test", "train-seen", "train-unseen"):
        for track in read_corpus(MINI / "quartets" / split):
            assert sorted(track.stem_files) == instruments
            assert set(track.notes.parts) == set(instruments)


def test_songs_have_sections_beats_and_chords_that_agree():
    for split in ("test", "train-seen"):
        for track in read_corpus(MINI / "songs" / split):
            assert sorted(track.stem_files) == ["bass", "drums", "other", "vocals"]
            assert len(track.sections) >= 4
            labels = list(track.sections["label"])
            assert 1 < len(set(labels)) < len(labels)
            for start, end in zip(
                track.sections["start"], track.sections["end"], strict=True
            ):
                inside = (track.downbeats >= start - 0.01) & (
                    track.downbeats < end - 0.01
                )
                assert 4 <= inside.sum() <= 16
                assert start == 0 or np.abs(track.downbeats - start).min() < 0.01
            assert len(track.chords)


@pytest.mark.parametrize("part", PARTS)
def test_isolated_notes_hold_every_pitch_that_is_played(part):
    for timbre in ("seen", "unseen"):
        isolated = read_corpus(MINI / part / f"notes-{timbre}")
        pitches = {track.id: set(track.notes.pitches) for track in isolated}
        for split in ("test", "train-seen"):
            for track in read_corpus(MINI / part / split):
                manifest = MANIFEST["tracks"][f"{part}/{split}/{track.id}"]
                players = manifest.get("instruments", {})
                for name in set(track.notes.parts):
                    played = track.notes.pitches[track.notes.parts == name]
                    of = [pitches[player] for player in players.get(name, [name])]
                    assert set(played) <= set.union(*of)


def test_songs_for_tests_differ_in_meter_tempo_and_form():
    names = [f"songs/test/{t.id}" for t in read_corpus(MINI / "songs" / "test")]
    songs = [MANIFEST["tracks"][name] for name in names]
    assert {song["meter"] for song in songs} == {"3/4", "4/4", "6/8"}
    assert min(song["tempo"] for song in songs) <= 60
    assert max(song["tempo"] for song in songs) >= 180
    forms = {(MINI / name / "sections.lab").read_bytes() for name in names}
    assert len(forms) == len(names)
    beats = {"3/4": 3, "4/4": 4, "6/8": 2}
    for name, song in zip(names, songs, strict=True):
        lines = (MINI / name / "beats.csv").read_text(encoding="utf-8").split()[1:]
        positions = {int(line.split(",")[1]) for line in lines}
        assert positions == set(range(1, beats[song["meter"]] + 1))


@pytest.mark.parametrize("part", PARTS)
def test_tests_are_recorded_in_rooms_and_half_of_them_in_a_font_of_their_own(part):
    tracks = MANIFEST["tracks"]
    tests = [t for name, t in tracks.items() if name.startswith(f"{part}/test/")]
    learned = {t["font"] for name, t in tracks.items() if "/test/" not in name}
    new = [track for track in tests if track["font"] not in learned]
    assert 2 * len(new) >= len(tests)
    assert len({track["take"]["room"] for track in tests}) >= 3
    assert len({track["take"]["microphone"] for track in tests}) >= 3
    assert not any("take" in t for name, t in tracks.items() if "/test/" not in name)


def test_recorded_notes_begin_when_their_reference_says():
    late = []
    for track in read_corpus(MINI / "piano" / "test"):
        y, sr = track.audio()
        power = (y**2).mean(0)
        for onset in np.unique(track.notes.onsets):
            at = round(onset * sr)
            before, after = power[: at - 110][-1323:], power[at:][:1323]
            if at > 1500 and after.max(initial=0) > 8 * before.max():
                rises = power[at - 331 : at + 1323] > 0.2 * after.max()
                late.append((rises.argmax() - 331) / sr)
    assert len(late) > 100
    assert -0.003 < np.median(late) < 0.016


def test_performances_are_not_mechanical():
    for folder in FOLDERS:
        for track in read_corpus(MINI / folder):
            assert len(set(track.notes.velocities)) > 5
            gaps = np.diff(np.unique(track.notes.onsets))
            assert len(np.unique(np.round(gaps, 3))) > 10


def test_every_recording_sounds_and_stays_below_full_scale():
    for folder in FOLDERS[:4]:
        for track in read_corpus(MINI / folder)[:3]:
            y, _ = track.audio()
            assert 0.3 < np.abs(y).max() < 1
