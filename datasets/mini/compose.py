"""Compose and perform the songs: drums, bass, others and a voice, with annotations."""

import numpy as np
import pretty_midi
from perform import add_note, new_midi, no_overlap, tempo_map
from songs import (
    ENDINGS,
    FILLS,
    GROOVES,
    LIKE,
    LOUDNESS,
    LOWEST,
    PROGRAMS,
    RHYTHMS,
    STRUMS,
)

DRUMS = dict(kick=36, snare=38, stick=37, hat=42, open=46, ride=51, crash=49)
DRUMS |= dict(shaker=70, clap=39, high=50, mid=47, low=45)
QUALITIES = {
    "maj": (0, 4, 7),
    "min": (0, 3, 7),
    "7": (0, 4, 7, 10),
    "maj7": (0, 4, 7, 11),
    "min7": (0, 3, 7, 10),
    "hdim7": (0, 3, 6, 10),
    "sus4": (0, 5, 7),
}
SCALES = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
}
STRINGS = (40, 45, 50, 55, 59, 64)  # of a guitar
SOFT = ("bossa", "ballad", "jig", "soul", "downtempo")  # grooves
OOHS = 53  # the General MIDI program that stands for a singer in notes.mid


def chord_pitches(label):
    """Return the root's pitch class and all pitch classes of a Harte chord label."""
    root, quality = label.split(":")
    root = (dict(C=0, D=2, E=4, F=5, G=7, A=9, B=11)[root[0]]) + (
        root.count("#") - root.count("b")
    )
    return root % 12, [(root + i) % 12 for i in QUALITIES[quality]]


def parse_groove(text):
    """Return {section kind: {row name: pattern}} of a groove's text."""
    kinds = {}
    for words in map(str.split, text.strip().splitlines()):
        if len(words) % 2:
            kinds[words.pop(0)] = rows = {}
        rows.update(zip(words[::2], words[1::2], strict=True))
    held = "R" + "-" * (len(kinds["intro"]["bass"]) - 1)
    return kinds | {"outro": kinds["intro"] | {"bass": held}}


def hits(pattern):
    """Return (step, length in steps, character) of each hit of a pattern."""
    starts = [i for i, c in enumerate(pattern) if c not in "-."]
    return [
        (i, 1 + len(pattern[i + 1 :]) - len(pattern[i + 1 :].lstrip("-")), pattern[i])
        for i in starts
    ]


def voice_chord(classes, previous, lowest):
    """Voice a chord upwards from near `lowest`, moving the least from `previous`."""
    voicings = []
    for bottom in classes:
        for start in range(lowest, lowest + 12):
            if start % 12 == bottom:
                ups = sorted((c - bottom) % 12 for c in classes)
                voicings.append([start + up for up in ups])

    def movement(voicing):
        if previous is None:
            return abs(voicing[0] - lowest - 4)
        return sum(min(abs(p - q) for q in previous) for p in voicing)

    return min(voicings, key=lambda v: (movement(v), v))


def guitar_chord(root, classes):
    """Return the pitches of a chord near a guitar's nut, from its root upwards."""
    frets = [next(p for p in range(s, s + 12) if p % 12 in classes) for s in STRINGS]
    lowest = next((i for i, p in enumerate(frets[:4]) if p % 12 == root), 1)
    return sorted(set(frets[lowest:]))


def nearest(pitch, classes):
    """Return the pitch of these pitch classes that is nearest to `pitch`."""
    return min(
        (p for p in range(int(pitch) - 6, int(pitch) + 7) if p % 12 in classes),
        key=lambda p: (abs(p - pitch), p),
    )


def key_scale(key):
    """Return the pitch classes of a key such as "F# minor"."""
    tonic, mode = key.split()
    tonic, _ = chord_pitches(f"{tonic}:maj")
    return [(tonic + i) % 12 for i in SCALES[mode]]


class _Player:
    """Lays out one song: bars in steps of a sixteenth, parts in seconds."""

    def __init__(self, song, rng):
        self.song, self.rng = song, rng
        self.division = 6 if song.meter == "6/8" else 4  # steps a beat
        self.beats = 2 if song.meter == "6/8" else int(song.meter[0])  # a bar
        self.steps = self.division * self.beats
        form = [s.split() for s in song.form.split(",")]
        self.form = [(kind, int(bars)) for kind, bars in form]
        self.bars = sum(bars for _, bars in self.form)
        # What is heard in tests is played more freely than what is learned from.
        self.loose = 1.6 if song.split == "test" else 1.0
        self.seconds = tempo_map(
            self.beats * self.bars,
            song.bpm,
            rng,
            4 * self.beats,
            drift=0.012 * self.loose,
            ritardando=self.beats,
        )
        self.groove = parse_groove(GROOVES[song.groove])
        self.parts = {
            "drums": pretty_midi.Instrument(0, True, "drums"),
            "bass": pretty_midi.Instrument(PROGRAMS[song.bass], name="bass"),
        }
        others = {name: name for name in song.other}
        if song.solo:
            others["solo"] = song.solo
        for part, name in others.items():
            self.parts[part] = pretty_midi.Instrument(PROGRAMS[name], name="other")
        self.parts["vocals"] = pretty_midi.Instrument(OOHS, name="vocals")
        # Each player is a little early or late throughout.
        self.lags = {p: 0.005 * self.loose * rng.normal() for p in self.parts}
        self.motifs = {}

    def time(self, bar, step):
        """Return the time of a step of a bar, with swung offbeats."""
        beat, part = divmod(step / self.division, 1)
        swing = self.song.swing
        part = np.interp(part, [0, 0.5, 1], [0, 0.5 + swing, 1])
        return float(self.seconds(bar * self.beats + beat + part))

    def strong(self, step):
        """Whether a step is on a strong beat."""
        return step % (6 if self.division == 6 else 8) == 0

    def play(self, name, bar, step, length, pitch, velocity, spread=0.008, late=0.0):
        """Play a note for so many steps, near its time or `late` s after."""
        spread *= self.loose
        onset = self.time(bar, step) + late + self.lags[name]
        onset += np.clip(self.rng.normal(0, spread), -2.5 * spread, 2.5 * spread)
        accent = 5 if self.strong(step) else 0
        velocity = (velocity + accent + self.rng.normal(0, 4)) * self.loudness
        end = self.time(bar, step + length) - 0.02
        add_note(self.parts[name], max(onset, 0.0), end, pitch, velocity)

    def chord_at(self, bar, step):
        """Return the label of the chord under a step."""
        labels = self.chords[bar].split(",")
        return labels[min(step * len(labels) // self.steps, len(labels) - 1)]

    def tonic(self):
        """Return the label of the chord that the song ends on."""
        tonic, mode = self.song.key.split()
        return f"{tonic}:{'min' if mode in ('minor', 'dorian') else 'maj'}"

    def perform(self):
        """Play every section; return the MIDI and the annotations."""
        self.chords = []
        for kind, bars in self.form:
            cycle = self.song.progressions[kind].split()
            self.chords += [cycle[i % len(cycle)] for i in range(bars)]
        self.chords[-1] = self.tonic()
        self.chords.append(self.chords[-1])  # where the last bar leads
        hold = "-" * (self.steps - 1)
        ending = dict(kick="x", crash="x", bass="R" + hold, comp="x" + hold)
        start, seen, self.voicing, self.root = 0, {}, None, 36
        for kind, bars in self.form:
            repeat = seen[kind] = seen.get(kind, -1) + 1
            alike = LIKE.get(kind, kind)
            self.loudness = LOUDNESS[alike] * (1 + 0.03 * min(repeat, 2))
            for bar in range(start, start + bars):
                rows = ending if bar + 1 == self.bars else self.groove[alike]
                last = bar == start + bars - 1
                self.play_drums(rows, alike, bar, bar == start, last, repeat)
                self.play_bass(rows["bass"], bar, repeat)
                for name, style in self.song.other.items():
                    self.play_other(name, style, rows["comp"], bar, repeat)
                if alike != "intro":
                    self.play_melody(kind, bar, bar - start, bars, repeat)
            start += bars
        midi = new_midi()
        for part in self.parts.values():
            no_overlap(part)
            midi.instruments.append(part)
        return midi, self.annotations()

    def play_drums(self, rows, kind, bar, first, last, repeat):
        soft = kind in ("intro", "outro") or self.song.groove in SOFT
        filled = min(8, self.steps // 2) if last and bar + 1 < self.bars else 0
        fill_from = self.steps - filled
        for name in sorted(set(rows) & set(DRUMS)):
            for step, _, hit in hits(rows[name]):
                if step >= fill_from and name not in ("kick", "shaker"):
                    continue
                if hit == "o" and self.rng.random() < 0.1:
                    continue
                # The second time round the hi-hat opens before the backbeat.
                opened = name == "hat" and repeat and step % 16 == self.steps - 2
                pitch = DRUMS["open" if opened else name]
                velocity = 58 if hit == "o" else 88
                self.play("drums", bar, step, 1, pitch, velocity, 0.005)
        if first and kind in ("chorus", "bridge"):
            self.play("drums", bar, 0, 4, DRUMS["crash"], 92, 0.005)
        if fill_from < self.steps:
            fill = self.rng.choice(FILLS["soft" if soft else "loud"])
            letters = dict(S="snare", H="high", M="mid", L="low")
            for step, hit in enumerate(fill[:filled]):
                if hit in letters:
                    pitch = DRUMS[letters[hit]]
                    velocity = 78 + 2 * step
                    self.play("drums", bar, fill_from + step, 1, pitch, velocity, 0.005)

    def play_bass(self, pattern, bar, repeat):
        for step, length, hit in hits(pattern):
            root, classes = chord_pitches(self.chord_at(bar, step))
            self.root = nearest(np.clip(self.root, 34, 40), [root])
            third, fifth = (self.root + (c - root) % 12 for c in classes[1:3])
            pitch = {"3": third, "5": fifth, "8": self.root + 12}.get(hit, self.root)
            if hit == "a":  # one step below or above the next root
                goal, _ = chord_pitches(self.chord_at(bar + 1, 0))
                goal = nearest(self.root, [goal])
                scale = key_scale(self.song.key)
                pitch = max(nearest(goal + self.rng.choice([-2, 2]), scale), 28)
            elif repeat and hit == "R" and step and self.rng.random() < 0.25:
                pitch = self.rng.choice([self.root + 12, fifth])
            self.play("bass", bar, step, length, pitch, 86)

    def play_other(self, name, style, pattern, bar, repeat):
        """Play a bar of chords as the instrument's style is."""
        if bar + 1 < self.bars:
            if style == "strum":
                pattern = STRUMS[self.song.meter]
            elif style == "pick":
                pattern = "12324323"[: self.steps // 2].replace("", "-")[1:]
            elif style == "pad":
                count = len(self.chords[bar].split(","))
                pattern = ("x" + "-" * (self.steps // count - 1)) * count
        lowest = 52 + 3 * (repeat % 2)  # another voicing the second time
        label = None
        for step, length, hit in hits(pattern):
            if label != self.chord_at(bar, step):
                label = self.chord_at(bar, step)
                root, classes = chord_pitches(label)
                self.voicing = voice_chord(classes, self.voicing, lowest)
                notes = self.voicing
                if style in ("strum", "pick", "chop"):
                    notes = guitar_chord(root, classes)
                    notes = notes[-4:] if style == "chop" else notes
                elif style == "power":
                    low = 40 + (root - 40) % 12
                    notes = [low, low + 7, low + 12]
            spread = 0.012 if "guitar" in name and style != "power" else 0.002
            struck = notes
            if hit.isdigit():
                struck = [[*notes, notes[0] + 12][int(hit) - 1]]
            elif hit == "o":  # upwards, over the high strings
                struck = notes[:-4:-1]
            elif repeat and step >= self.steps // 2 and self.rng.random() < 0.3:
                struck = notes[1:]
            for i, pitch in enumerate(struck):
                velocity = 60 if hit == "o" else 68 + 2 * i
                self.play(name, bar, step, length, pitch, velocity, 0.003, spread * i)

    def motif(self, kind, slot):
        """Return the rhythm and the contour of a section's motif, made once."""
        if (kind, slot) not in self.motifs:
            bank = RHYTHMS[self.song.meter]
            half = len(bank) // 2
            bank = bank[half:] if LIKE.get(kind, kind) == "chorus" else bank[: half + 2]
            taken = [rhythm for rhythm, _ in self.motifs.values()]
            rhythm = self.rng.choice([r for r in bank if r not in taken] or bank)
            contour = [int(self.rng.integers(-1, 2))]
            for move in self.rng.choice(
                [-2, -1, -1, 1, 1, 2, 3], rhythm.count("x") - 1
            ):
                turn = abs(contour[-1] + move) > 3
                contour.append(contour[-1] + (-move if turn else move))
            self.motifs[kind, slot] = str(rhythm), contour
        return self.motifs[kind, slot]

    def play_melody(self, kind, bar, place, bars, repeat):
        """Play a bar of a four-bar phrase: a motif, its answer, the motif, a close."""
        part = "solo" if kind == "solo" else "vocals"
        lowest = LOWEST[self.song.solo if kind == "solo" else self.song.voice]
        slot = "aabc"[place % 4]
        if slot == "c" or place == bars - 1:
            rhythm, contour = ENDINGS[self.song.meter], [0]
        elif kind == "outro":
            rhythm, contour = ENDINGS[self.song.meter], [2]
        else:
            rhythm, contour = self.motif(kind, slot)
        anchor = lowest + dict(chorus=13, bridge=10).get(LIKE.get(kind, kind), 7)
        if place % 8 >= 4:
            anchor += 2  # the second phrase starts higher
        scale = key_scale(self.song.key)
        near = sorted(
            (p for p in range(anchor - 12, anchor + 15) if p % 12 in scale),
            key=lambda p: abs(p - anchor),
        )[0]
        ladder = [p for p in range(near - 14, near + 17) if p % 12 in scale]
        centre, previous = ladder.index(near), None
        for i, (step, length, _) in enumerate(hits(rhythm)):
            varied = repeat and self.rng.random() < 0.25
            _, classes = chord_pitches(self.chord_at(bar, step))
            rung = centre + contour[i] + (self.rng.choice([-1, 1]) if varied else 0)
            pitch = ladder[np.clip(rung, 0, len(ladder) - 1)]
            clash = any((pitch - c) % 12 in (1, 11) for c in classes)
            if self.strong(step) or length >= 4 or clash:
                pitch = nearest(pitch, classes)
            if pitch == previous and contour[i] != contour[i - 1]:
                # Keep the shape of the motif where two of its notes met.
                away = 3 if contour[i] > contour[i - 1] else -3
                pitch = nearest(pitch + away, classes)
            pitch += 12 * (pitch < lowest) - 12 * (pitch > lowest + 22)
            if varied and length >= 4:  # a held note becomes two
                self.play(part, bar, step, length - 2, pitch, 84, 0.014)
                step, length = step + length - 2, 2
                pitch = nearest(pitch + 2, classes if length > 2 else scale)
            self.play(part, bar, step, length, pitch, 84, 0.014)
            previous = pitch

    def annotations(self):
        """Return the beats, the sections and the chords, as `play_song` does."""
        beats = [
            (self.time(bar, self.division * beat), beat + 1)
            for bar in range(self.bars)
            for beat in range(self.beats)
        ]
        sections, bar = [], 0
        for kind, bars in self.form:
            sections.append((self.time(bar, 0), self.time(bar + bars, 0), kind))
            bar += bars
        chords = [(0.0, self.time(0, 0), "N")]
        for bar, labels in enumerate(self.chords[: self.bars]):
            labels = labels.split(",")
            edges = np.linspace(0, self.steps, len(labels) + 1)
            for start, end, label in zip(edges[:-1], edges[1:], labels, strict=True):
                chords.append((self.time(bar, start), self.time(bar, end), label))
        return beats, sections, chords


def play_song(song, rng):
    """Compose and perform a song.

    Parameters
    ----------
    song : Song
    rng : numpy.random.Generator

    Returns
    -------
    midi : pretty_midi.PrettyMIDI
        Its instruments are named for their stems, `drums`, `bass`, `other` (several)
        and `vocals`.
    annotations : tuple of lists
        Beats (time, position in the bar from 1), sections and chords (start, end,
        label). Sections start at the first downbeat and end with the last bar.
    """
    return _Player(song, rng).perform()
