"""``python -m musaic_core.studio``, as somebody starts it."""

import json
import signal
import socket
import subprocess
import sys
import urllib.request

import pytest
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


def test_ctrl_c_ends_it_while_a_page_listens_and_waits(tmp_path):
    (tmp_path / "tune.wav").write_bytes(tune(1.0)[0])
    command = [sys.executable, "-m", "musaic_core.studio", "--port", "0"]
    with subprocess.Popen(
        [*command, "--no-browser", str(tmp_path / "tune.wav")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        cwd=ROOT,
    ) as process:
        address = process.stdout.readline().split()[0]
        with urllib.request.urlopen(f"{address}/api/choices", timeout=60) as told:
            here = f"{address}/api/recordings/{json.loads(told.read())['opened']}"
        asked = json.dumps({"question": "sections", "model": "online_nmf"}).encode()
        urllib.request.urlopen(f"{here}/ask", asked, timeout=60).close()
        port = int(address.rsplit(":", 1)[1])
        with (
            socket.create_connection(("127.0.0.1", port)) as page,
            socket.create_connection(("127.0.0.1", port)) as export,
        ):
            path = here.removeprefix(address)
            for other, request in (
                (page, f"GET {path}/events"),
                (export, f"POST {path}/make-sure"),
            ):
                text = f"{request} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n"
                other.sendall(text.encode())
            assert page.recv(1000).startswith(b"HTTP/1.1 200")
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 0
        told = process.stderr.read()
    assert "Traceback" not in told
    assert "Aborted" not in told


def test_the_first_correction_finds_imported_what_it_needs(tmp_path):
    program = """
import sys, threading
from musaic_core.studio.home import Studio
studio = Studio(sys.argv[1])
studio.questions = {}
studio.warm_up()
for thread in threading.enumerate():
    if thread is not threading.current_thread():
        thread.join()
known = {*sys.modules}
import torch
torch.optim.LBFGS([torch.zeros(1, requires_grad=True)])
print(len({*sys.modules} - known))
"""
    pytest.importorskip("torch")
    told = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=ROOT,
        check=True,
    )
    assert int(told.stdout) < 10  # else some 800, which take more than a second


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
