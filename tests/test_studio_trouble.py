"""What goes wrong on the page: a line tells of it, and nothing is lost."""

import errno
import os
import random
import time

import pytest
from studio_pages import dropped, notes, one_width, place, serving, settled

from musaic_core.studio import answers, saved

pytest.importorskip("playwright.sync_api")
pytest_plugins = ["studio_pages"]
pytestmark = pytest.mark.slow


def test_what_can_not_be_read_is_one_line_and_nothing_is_lost(tab):
    told = {"name": "text.mp3", "mimeType": "audio/mpeg", "buffer": b"no sound"}
    tab.set_input_files("#file", told)
    tab.wait_for_selector("#error:not(:empty)")
    assert "\n" not in tab.inner_text("#error")
    assert "text.mp3" in tab.inner_text("#error")
    dropped(tab)
    assert tab.inner_text("#error") == ""


def test_random_clicks_leave_no_error_and_no_memory(tab):
    seconds = float(os.environ.get("CLICKS", 40))
    dropped(tab)
    tab.click("#factors summary")
    session = tab.context.new_cdp_session(tab)

    def heap():
        session.send("HeapProfiler.collectGarbage")
        return tab.evaluate("performance.memory.usedJSHeapSize") / 2**20

    rng, begin, sizes = random.Random(0), time.monotonic(), []
    keys = ["ArrowRight", "ArrowUp", "Delete", "n", "Escape", "Space", "Control+z"]
    while time.monotonic() - begin < seconds:
        if len(sizes) < 4 * (time.monotonic() - begin) / seconds:
            sizes.append(heap())
        spots = tab.evaluate(
            """[...document.querySelectorAll("#work button, #work input, .over, #undo, "
              + "#redo, #theme")].filter((e) => e.checkVisibility() && !e.disabled
              && e.type !== "file").map((e) => e.getBoundingClientRect())
            .map((b) => [b.left + scrollX, b.top + scrollY, b.width, b.height])"""
        )
        left, top, width, height = rng.choice(spots)
        x, y = left + rng.random() * width, top + rng.random() * height
        tab.evaluate("y => scrollTo(0, y - 400)", y)
        y -= tab.evaluate("scrollY")
        tab.mouse.move(x, y)
        tab.mouse.down()
        if rng.random() < 0.3:
            tab.mouse.move(x + rng.uniform(-90, 90), y + rng.uniform(-40, 40))
        tab.mouse.up()
        tab.keyboard.press(rng.choice(keys))
        tab.wait_for_timeout(30)
    sizes.append(heap())
    assert sizes[-1] < 1.5 * sizes[1] + 10


def test_who_drops_a_recording_again_gets_what_is_asked_for_now(tab):
    name = f"asked {tab.viewport_size['width']}.wav"
    dropped(tab, name=name)
    tab.focus(".over")
    tab.keyboard.press("n")
    settled(tab, "notes")
    tab.click("#home")
    dropped(tab, "stems", name=name)
    assert len(tab.evaluate("opened.state.hints")) == 1  # the work on it is there
    tab.click("#undo")
    settled(tab, "notes")


@one_width
def test_what_is_held_when_another_answer_comes_is_let_go(tab):
    dropped(tab, "stems")
    tab.mouse.move(*place(tab, 1, 175))
    tab.mouse.down()
    tab.mouse.move(*place(tab, 3, 175))
    tab.evaluate("pick('notes', 'nmf')")
    settled(tab, "notes")
    tab.mouse.move(*place(tab, 4, 72))
    tab.mouse.up()  # the page has no error then
    assert tab.evaluate("opened.state.hints") == []
    dragged = tab.evaluate("opened.line.held")
    assert dragged is None


@one_width
def test_a_studio_that_was_started_anew_meanwhile_is_told(tab):
    dropped(tab)
    gone = "opened.id = 'gone', opened.url = 'api/recordings/gone'"
    tab.evaluate(f"{gone}, opened.events.onerror(); 0")
    tab.wait_for_selector("#error:has-text('not open any more')")


@one_width
def test_a_studio_that_ends_loses_nothing_and_the_page_goes_on_with_the_next(
    tab, tmp_path
):
    with serving(tmp_path) as address:
        tab.goto(address)
        tab.wait_for_selector(".cards label")
        dropped(tab)
        tab.focus(".over")
        tab.keyboard.press("n")
        settled(tab, "notes")
        shown = notes(tab)
        tab.check("#questions input[value=sections]", force=True)  # and it runs
    tab.wait_for_selector("#error:has-text('does not answer')")
    assert "\n" not in tab.inner_text("#error")
    with serving(tmp_path, int(address.rsplit(":")[-1])):
        tab.wait_for_selector("#error:empty", state="attached")
        tab.check("#questions input[value=notes]", force=True)
        settled(tab, "notes")
        assert len(tab.evaluate("opened.state.hints")) == 1
        assert notes(tab) == shown
        tab.click("#save")
        tab.wait_for_selector("#save:text-is('Saved')")
    assert not list(tmp_path.glob("musaic-left-*"))


def test_a_second_page_on_the_same_recording_sees_the_same(tab):
    dropped(tab)
    other = tab.context.new_page()
    other.set_default_timeout(120_000)
    other.goto(tab.url)
    settled(other, "notes")
    assert notes(other) == notes(tab)
    tab.focus(".over")
    tab.keyboard.press("n")
    settled(tab, "notes")
    settled(other, "notes")
    assert notes(other) == notes(tab)
    assert len(other.evaluate("opened.state.hints")) == 1
    other.click("#undo")
    settled(other, "notes")
    settled(tab, "notes")
    assert tab.evaluate("opened.state.hints") == []
    other.close()


@one_width
def test_what_is_too_large_is_refused_in_a_line(tab, tmp_path, monkeypatch):
    monkeypatch.setattr("musaic_core.studio.server.LARGEST", 2**20)
    file = tmp_path / "large.wav"
    file.write_bytes(bytes(2**26))  # more than a connection holds
    tab.set_input_files("#file", file)
    tab.wait_for_selector("#error:has-text('large.wav: is above')")


def test_a_full_disk_is_one_line_and_nothing_is_lost(tab, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    dropped(tab)
    tab.focus(".over")
    tab.keyboard.press("n")
    settled(tab, "notes")
    for where, what, press in (
        (saved.shutil, "copyfile", "#save"),
        (answers, "write_midi", "#exports a:has-text('MIDI')"),
        (answers, "write_hints", "#exports a:has-text('Corrections')"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(where, what, full)
            tab.click(press)
            tab.wait_for_selector("#error:has-text('No space left')")
        settled(tab, "notes")
        assert "No space left" in tab.inner_text("#error")  # until something is done
        assert "\n" not in tab.inner_text("#error")
        assert tab.locator("#error").bounding_box()["y"] < 900  # wherever one is
        assert len(tab.evaluate("opened.state.hints")) == 1
        if press == "#save":
            tab.click(press)
            tab.wait_for_selector("#save:text-is('Saved')")
        else:
            with tab.expect_download():
                tab.click(press)
        assert tab.inner_text("#error") == ""
