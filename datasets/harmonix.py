"""The Harmonix Set: sections and beats of western pop."""

from musaic_core.benchmark.corpora import About, Corpus, from_mini
from musaic_core.data.audio import audio_files
from musaic_core.data.corpus import tracks_of
from musaic_core.data.recording import Track


class Dataset(Corpus):
    """Those songs whose audio is there; models learn from the embedded corpus."""

    name = "harmonix"
    about = About(
        title="Harmonix Set",
        paper="Nieto et al. 2019",
        knows=("beats", "sections"),
        recordings="912 songs",
        hours="56",
        size="annotations alone; audio is not distributed",
        licence="annotations MIT",
        source="https://github.com/urinieto/harmonixset",
        layout="dataset, as it is in the repository, and your recordings in audio, "
        "named as the annotations: audio/0001_12step.mp3",
        split="all are scored; models learn from mini's songs",
        published=(
            "boundary F at 3 and 0.5 s 0.567 and 0.200, pairwise F 0.550: MSAF on a "
            "CQT and librosa's beats, means of the repository's results (Nieto et al. "
            "2019)",
        ),
    )

    def read(self, folder):
        audio = folder / "audio"
        files = audio_files(audio) if audio.is_dir() else []
        return from_mini("songs") | {"test": tracks_of(track_of, files)}


def track_of(file):
    """None if it is not annotated."""
    annotations = file.parent.parent / "dataset"
    sections = annotations / "segments" / f"{file.stem}.txt"
    beats = annotations / "beats_and_downbeats" / f"{file.stem}.txt"
    if sections.exists():
        return Track(
            file.stem, {"mixture": file}, sections_from=sections, beats_from=beats
        )
