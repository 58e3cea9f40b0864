"""What publishing may delete, and what it may read."""

import numpy as np
import pytest
import soundfile
from published_site import RATE, content, publish, recording, rewrite, unpacked_json

from musaic_core.publish import tables
from musaic_core.publish.folder import MARKER, replaced_folder

pytest_plugins = ["published_site"]


# ---- what may be deleted


def test_a_folder_of_other_things_is_left_alone(benchmarks, tmp_path, capsys):
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.tex").write_text("precious", encoding="utf-8")
    (other / "scores.csv").write_text("of mine", encoding="utf-8")
    before = content(other)
    with pytest.raises(SystemExit):
        publish(benchmarks, other)
    assert "choose a new folder" in capsys.readouterr().err
    assert content(other) == before
    assert {file.name for file in tmp_path.iterdir()} == {"other", "suite"}


@pytest.mark.slow
def test_what_was_put_into_a_published_folder_is_not_lost(benchmarks, tmp_path, capsys):
    site = publish(benchmarks, tmp_path / "site")
    (site / "data" / "thesis.tex").write_text("precious", encoding="utf-8")
    before = content(site)
    with pytest.raises(SystemExit):
        publish(benchmarks, site)
    assert "data/thesis.tex" in capsys.readouterr().err
    assert content(site) == before


@pytest.mark.slow
def test_a_failure_leaves_the_site_that_was_there(benchmarks, tmp_path, monkeypatch):
    site = publish(benchmarks, tmp_path / "site")
    before = content(site)

    def fail(*_):
        raise RuntimeError("the disk is full")

    monkeypatch.setattr(tables, "sentences", fail)
    with pytest.raises(RuntimeError):
        publish(benchmarks, site)
    assert content(site) == before
    assert {file.name for file in tmp_path.iterdir()} == {"site", "suite"}


def test_where_the_folder_cannot_be_exchanged_the_old_one_stays(tmp_path, monkeypatch):
    site = tmp_path / "site"
    with replaced_folder(site) as new:
        (new / "a.txt").write_text("old", encoding="utf-8")
    rename = type(site).rename

    def fail(self, target):
        if "-new-" in self.name:
            raise OSError("busy")
        return rename(self, target)

    monkeypatch.setattr(type(site), "rename", fail)
    with pytest.raises(OSError, match="busy"), replaced_folder(site) as new:
        (new / "a.txt").write_text("new", encoding="utf-8")
    assert (site / "a.txt").read_text(encoding="utf-8") == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["site"]


def test_a_link_to_a_site_stays_a_link(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "site")
    for text in ("old", "new"):
        with replaced_folder(tmp_path / "link") as new:
            (new / "a.txt").write_text(text, encoding="utf-8")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "site" / "a.txt").read_text(encoding="utf-8") == "new"
    assert (tmp_path / "site" / MARKER).read_text(encoding="utf-8") == "a.txt\n"


# ---- what may be read

SECRET = "a password"


@pytest.fixture
def hostile(benchmarks, tmp_path):
    """A folder outside of the repository, and what a results file could say of it."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.py").write_text(SECRET, encoding="utf-8")
    soundfile.write(outside / "secret.ogg", recording(), RATE)
    notes = np.array([[1.0, 2.0, 99]])
    np.savez(outside / "notes.npz", estimate=notes, reference=notes)
    return outside


def refuses(benchmarks, folder, capsys, *arguments):
    """Publish what must not be read; give the site's text and what was printed."""
    site = publish(benchmarks, folder, *arguments)
    printed = capsys.readouterr().out
    assert SECRET not in str(content(site))
    for file in site.glob("data/tiny*.js"):
        assert "[1.0, 2.0, 99]" not in str(unpacked_json(file))
    return site, printed


@pytest.mark.slow
@pytest.mark.parametrize("how", ["up", "absolute", "link", "link inside", "system"])
def test_answers_outside_of_the_outputs_are_not_read(
    benchmarks, hostile, tmp_path, capsys, how
):
    outputs = benchmarks / "amt" / "outputs"
    files = {
        "up": "../../../../outside",
        "absolute": str(hostile),
        "system": "../../../../../../../../../../etc",
        "link": "link",
        "link inside": "mine",
    }[how]
    (outputs / "link").symlink_to(hostile)
    (outputs / "mine").mkdir()
    (outputs / "mine" / "notes.npz").symlink_to(hostile / "notes.npz")
    rewrite(benchmarks, "amt", lambda rows: rows.assign(objective_files=files))
    site, printed = refuses(benchmarks, tmp_path / "site", capsys)
    data = unpacked_json(site / "data" / "tiny-one.js")
    assert not any("notes" in answer for answer in data["answers"])
    assert any("leads out of" in text for text in data["missing"])
    assert "! an answer of Transcription lies outside of the repository" in printed
    page = (site / "tracks" / "tiny-one.html").read_text("utf-8")
    assert "leads out of" in page


@pytest.mark.slow
@pytest.mark.parametrize("how", ["up", "absolute", "second", "link"])
def test_recordings_outside_of_the_repository_are_not_read(
    benchmarks, hostile, tmp_path, capsys, how
):
    link = benchmarks.parent / "recordings" / "link.ogg"
    link.symlink_to(hostile / "secret.ogg")
    audio = {
        "up": "../outside/secret.ogg",
        "absolute": str(hostile / "secret.ogg"),
        "second": f"recordings/recording.ogg;{hostile / 'secret.ogg'}",
        "link": "recordings/link.ogg",
    }[how]
    for task in ("amt", "mss", "msa"):
        rewrite(benchmarks, task, lambda rows: rows.assign(objective_audio=audio))
    site, printed = refuses(benchmarks, tmp_path / "site", capsys)
    assert not (site / "data" / "tiny-one.js").exists()
    assert "! a recording of" in printed
    assert "--audio FOLDER" in printed
    site, printed = refuses(
        benchmarks, tmp_path / "site", capsys, "--audio", str(hostile)
    )
    assert unpacked_json(site / "data" / "tiny-one.js")["recording"]
    assert "! a recording of" not in printed


@pytest.mark.slow
@pytest.mark.parametrize("how", ["up", "absolute", "link", "no Python", "system"])
def test_sources_outside_of_the_repository_are_not_read(
    benchmarks, hostile, tmp_path, capsys, how
):
    (benchmarks.parent / "solvers" / "link.py").symlink_to(hostile / "secret.py")
    (benchmarks.parent / "passwords.txt").write_text(SECRET, encoding="utf-8")
    file = {
        "up": "../../../outside/secret.py",
        "absolute": str(hostile / "secret.py"),
        "link": "solvers/link.py",
        "no Python": "../../passwords.txt",
        "system": "../../../../../../../../../etc/passwd",
    }[how]
    for task in ("amt", "mss", "msa", "loss"):
        rewrite(benchmarks, task, lambda rows: rows.assign(file_solver=file))
    site, printed = refuses(benchmarks, tmp_path / "site", capsys)
    assert not list(site.glob("solvers/*.txt"))
    assert "! nmf: " in printed
