"""How one comes to a recording and leaves it: drops, Back and Forward, the address."""

import threading

import pytest
from studio_pages import dropped, notes, one_width, settled, song

from musaic_core.studio.home import Studio

pytest.importorskip("playwright.sync_api")
pytest_plugins = ["studio_pages"]
pytestmark = pytest.mark.slow


def put(tab, name):
    told = {"name": name, "mimeType": "audio/wav", "buffer": song(8)}
    tab.set_input_files("#file", told)


def test_back_is_the_first_page_and_forward_the_recording(tab):
    dropped(tab)
    shown, name = notes(tab), tab.inner_text("#name")
    tab.go_back()
    tab.wait_for_selector("#start")
    tab.go_forward()
    settled(tab, "notes")
    assert (notes(tab), tab.inner_text("#name")) == (shown, name)
    tab.click("#home")
    tab.wait_for_selector("#start")
    tab.go_back()
    settled(tab, "notes")
    assert notes(tab) == shown
    assert tab.inner_text("#error") == ""


@one_width
def test_who_skips_to_the_content_can_reload(tab):
    dropped(tab)
    shown = notes(tab)
    tab.focus(".skip")
    tab.keyboard.press("Enter")
    assert tab.evaluate("document.activeElement.id") == "main"
    tab.reload()
    settled(tab, "notes")
    assert notes(tab) == shown


@one_width
def test_of_two_recordings_the_one_that_was_dropped_last_is_shown(tab, monkeypatch):
    real, last = Studio.take, threading.Event()

    def take(studio, file):
        if file.name == "first.wav":
            last.wait(20)
        return real(studio, file)

    monkeypatch.setattr(Studio, "take", take)
    put(tab, "first.wav")
    put(tab, "last.wav")
    tab.wait_for_selector("#name:text-is('last.wav')")
    assert tab.inner_text("#reading") == "Reading first.wav …"
    last.set()
    tab.wait_for_selector("#reading:empty", state="attached")
    assert tab.inner_text("#name") == "last.wav"
    put(tab, "first.wav")  # it is not lost
    tab.wait_for_selector("#name:text-is('first.wav')")


@one_width
def test_who_drops_a_recording_on_another_goes_on_with_the_question(tab):
    dropped(tab, "stems", name="one.wav")
    for name in ("one.wav", "two.wav"):
        put(tab, name)
        tab.wait_for_selector(f"#name:text-is('{name}')")
        settled(tab, "stems")


@one_width
def test_who_undoes_and_leaves_at_once_has_undone(tab):
    dropped(tab, name="undone.wav")
    tab.focus(".over")
    tab.keyboard.press("n")
    settled(tab, "notes")
    tab.keyboard.press("n")
    tab.evaluate("document.querySelector('#undo').click(), leave()")
    tab.wait_for_timeout(500)
    assert tab.inner_text("#error") == ""
    dropped(tab, name="undone.wav")
    assert len(tab.evaluate("opened.state.hints")) == 1


@one_width
def test_models_stay_to_choose_from_while_an_answer_comes(tab):
    dropped(tab)
    option = tab.query_selector("#choice option")
    tab.focus(".over")
    tab.keyboard.press("n")
    settled(tab, "notes")
    assert option.evaluate("option => option.isConnected")


@pytest.mark.parametrize("name", ["x" * 150, "A name of many words " * 7])
def test_long_names_fit_the_width(tab, name):
    def fits():
        overflow = "document.documentElement.scrollWidth - innerWidth"
        return tab.evaluate(overflow) <= 0

    dropped(tab, name=f"{name}{tab.viewport_size['width']}.wav")
    assert fits()
    tab.click("#factors summary")
    tab.locator(".component > input[type=checkbox]").first.check()
    tab.fill("#factors input[type=text]", "n" * 60)
    tab.keyboard.press("Enter")
    tab.wait_for_selector(f".component button:text-is('{'n' * 60}')")
    assert fits()
    tab.click("#save")
    tab.wait_for_selector("#changed:has-text('Saved in')")
    assert fits()
    tab.click("#home")
    tab.wait_for_selector(f"#saved button:has-text('{name[:40]}')")
    assert fits()
    broken = {"name": f"{name}.mp3", "mimeType": "audio/mpeg", "buffer": b"no"}
    tab.set_input_files("#file", broken)
    tab.wait_for_selector("#error:not(:empty)")
    assert fits()
