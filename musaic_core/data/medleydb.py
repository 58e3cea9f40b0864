"""Multitrack productions in the form of MedleyDB."""

from functools import partial
from pathlib import Path

import yaml

from musaic_core.data.corpus import tracks_of
from musaic_core.data.errors import blaming
from musaic_core.data.recording import Track
from musaic_core.data.sources import read_sum

# instruments of MedleyDB's taxonomy; all others are "other"
_GROUPS = {
    "bass": {"electric bass", "double bass"},
    "drums": {
        *("drum set", "drum machine", "kick drum", "snare drum", "bass drum", "toms"),
        *("cymbal", "high hat", "auxiliary percussion", "tambourine", "shaker"),
        *("claps", "bongo", "conga", "cowbell", "cabasa", "maracas", "snaps"),
        *("darbuka", "doumbek", "tabla", "castanet", "guiro", "triangle", "rattle"),
    },
    "vocals": {
        *("male singer", "female singer", "vocalists", "choir", "male rapper"),
        *("female rapper", "male speaker", "female speaker", "male screamer"),
        *("female screamer", "beatboxing"),
    },
}
_GROUP = {name: group for group, names in _GROUPS.items() for name in names}


def read_multitracks(folder: Path) -> list[Track]:
    """List the productions that lie in a folder, however deep.

    Parameters
    ----------
    folder : Path
        Holds, for each, ``…_METADATA.yaml`` and ``…_STEMS``.

    Returns
    -------
    list of Track
        In the order of their names, with the stems bass, drums, other and vocals that
        there are. Those that have bleed between stems are left out.

    References
    ----------
    Bittner et al., "MedleyDB: A multitrack dataset for annotation-intensive MIR
    research", ISMIR 2014.
    """
    return tracks_of(_read, sorted(folder.glob("**/*_METADATA.yaml")))


def _read(file):
    with blaming(file):
        text = file.read_text(encoding="utf-8")
        return _track(file, yaml.load(text, yaml.CSafeLoader))


def _track(file, metadata):
    folder = file.parent / metadata["stem_dir"]
    if metadata["has_bleed"] == "yes" or not folder.is_dir():
        return None
    groups = {}
    for stem in metadata["stems"].values():
        instrument = stem["instrument"]
        if isinstance(instrument, list):  # of a stem of several
            kinds = {_GROUP.get(name, "other") for name in instrument}
            kind = kinds.pop() if len(kinds) == 1 else "other"
        else:
            kind = _GROUP.get(instrument, "other")
        groups.setdefault(kind, []).append(folder / stem["filename"])
    stems = {name: partial(read_sum, *files) for name, files in sorted(groups.items())}
    name = file.name.removesuffix("_METADATA.yaml")
    return Track(name, stems, tags={"artist": name.partition("_")[0]})
