"""``python -m musaic_core.studio``, as somebody starts it."""

import json
import subprocess
import sys
import urllib.request

from conftest import ROOT
from studios import tune


def test_the_command_opens_a_recording_and_answers_at_the_address_it_prints(tmp_path):
    (tmp_path / "tune.wav").write_bytes(tune(1.0)[0])
    command = [sys.executable, "-m", "musaic_core.studio", "--port", "0"]
    with subprocess.Popen(
        [*command, "--no-browser", str(tmp_path / "tune.wav")],
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        cwd=ROOT,
    ) as process:
        try:
            address = process.stdout.readline().split()[0]
            assert address.startswith("http://127.0.0.1:")
            with urllib.request.urlopen(f"{address}/api/choices", timeout=60) as told:
                choices = json.loads(told.read())
        finally:
            process.terminate()
    assert choices["folder"] == str(tmp_path)
    assert choices["opened"]


def test_the_command_says_what_is_wrong_with_a_file(tmp_path):
    command = [sys.executable, "-m", "musaic_core.studio", "--no-browser"]
    for name, text in (("none.wav", None), ("broken.wav", b"no sound")):
        if text is not None:
            (tmp_path / name).write_bytes(text)
        failed = subprocess.run(
            [*command, str(tmp_path / name)],
            capture_output=True,
            text=True,
            encoding="utf-8",
            cwd=ROOT,
        )
        assert failed.returncode == 1
        assert name in failed.stderr
        assert "Traceback" not in failed.stderr
