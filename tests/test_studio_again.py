"""Answers that are stopped and asked for again, and where the focus is then."""

import pytest
from studio_pages import drop, dropped, notes, one_width, settled, waiting

pytest.importorskip("playwright.sync_api")
pytest_plugins = ["studio_pages"]
pytestmark = pytest.mark.slow


def focused(tab, name):
    """Wait until what has this id or class has the focus."""
    has = "(document.activeElement.id || document.activeElement.className)"
    tab.wait_for_function(f"() => {has} === '{name}'", polling=50)


def stopped(tab):
    tab.click("#stop")
    tab.wait_for_selector("#again")


def test_an_answer_is_stopped_and_asked_for_again(tab):
    dropped(tab)
    shown = notes(tab)
    tab.focus(".over")
    with waiting():
        tab.keyboard.press("n")
        stopped(tab)
    assert "stopped" in tab.inner_text("#error")
    assert len(tab.evaluate("opened.state.hints")) == 1  # it is not lost
    with tab.expect_download():
        tab.click("#exports a:has-text('MIDI')")  # which needs the answer
    settled(tab, "notes")
    assert len(notes(tab)) > 0
    assert notes(tab) != shown


def test_who_has_stopped_the_first_answer_can_ask_again(tab):
    with waiting():
        drop(tab, "notes")
        stopped(tab)
    tab.click("#again")
    settled(tab, "notes")
    assert tab.inner_text("#error") == ""
    assert not tab.is_visible("#again")


@pytest.mark.parametrize("leaves", ["#exports a:has-text('MIDI')", "#save"])
@one_width
def test_who_stops_what_is_made_sure_of_has_the_quick_answer(tab, leaves):
    dropped(tab)
    tab.focus(".over")
    tab.keyboard.press("n")
    settled(tab, "notes")
    quick = notes(tab)
    with waiting():
        tab.click(leaves)
        stopped(tab)
    tab.click("#again")
    settled(tab, "notes")
    assert notes(tab) == quick
    assert "quick answer" in tab.inner_text("#where")
    with tab.expect_download():
        tab.click("#exports a:has-text('MIDI')")
    settled(tab, "notes")
    assert "quick answer" not in tab.inner_text("#where")


@one_width
def test_who_drops_again_what_was_stopped_has_it_answered(tab):
    with waiting():
        drop(tab, "notes", "stopped.wav")
        stopped(tab)
    tab.click("#home")
    drop(tab, "notes", "stopped.wav")
    settled(tab, "notes")
    assert tab.inner_text("#error") == ""


@one_width
def test_what_one_page_has_stopped_another_sees_and_asks_for_again(tab):
    dropped(tab)
    shown = notes(tab)
    tab.focus(".over")
    with waiting():
        tab.keyboard.press("n")
        stopped(tab)
    other = tab.context.new_page()
    other.goto(tab.url)
    other.wait_for_selector("#board")  # with the last answer
    assert notes(other) == shown
    other.click("#again")
    settled(other, "notes")
    tab.wait_for_selector("#error:empty", state="attached")
    settled(tab, "notes")
    assert notes(tab) == notes(other) != shown
    assert not tab.is_visible("#again")
    other.close()


@one_width
def test_a_question_that_can_not_be_asked_is_not_shown_as_chosen(tab):
    dropped(tab)
    tab.route("**/ask", lambda route: route.fulfill(status=422, json={"error": "no"}))
    tab.check("#questions input[value=stems]", force=True)
    tab.wait_for_selector("#error:text-is('no')")
    assert tab.is_checked("#questions input[value=notes]")


def test_who_stops_and_asks_again_by_a_key_keeps_the_focus(tab):
    dropped(tab)
    tab.focus(".over")
    with waiting():
        tab.keyboard.press("n")
        tab.wait_for_selector("#stop")  # once it runs
        tab.focus("#stop")
        tab.keyboard.press("Enter")
        tab.wait_for_selector("#again")
        focused(tab, "again")
        tab.keyboard.press("Enter")
        tab.wait_for_selector("#stop")
        focused(tab, "stop")
        tab.keyboard.press("Enter")
        tab.wait_for_selector("#again")
    tab.keyboard.press("Enter")
    settled(tab, "notes")
    focused(tab, "over")


@one_width
def test_who_can_not_press_again_what_was_pressed_keeps_the_focus(tab):
    dropped(tab)
    tab.focus(".over")
    tab.keyboard.press("n")
    settled(tab, "notes")
    for pressed, next_ in (("undo", "redo"), ("redo", "undo")):
        tab.focus(f"#{pressed}")
        tab.keyboard.press("Enter")
        settled(tab, "notes")
        focused(tab, next_)
    tab.focus(".over")
    tab.keyboard.press("End")
    tab.focus("#edit button[aria-label^='Delete']")
    tab.keyboard.press("Enter")  # the last note
    settled(tab, "notes")
    focused(tab, "over")
    tab.focus("#home")
    tab.keyboard.press("Enter")
    tab.wait_for_selector("#start")
    focused(tab, "home")


@one_width
def test_who_splits_what_was_merged_keeps_the_focus(tab):
    dropped(tab)
    tab.click("#factors summary")
    ticks = tab.locator(".component > input[type=checkbox]")
    for i in range(2):
        ticks.nth(i).check()
    tab.click(".steering button:text-is('Merge')")
    tab.wait_for_selector(".component button:has-text('+')")
    settled(tab, "notes")
    tab.locator(".component:has(button:has-text('+')) > [type=checkbox]").check()
    tab.focus(".steering button:text-is('Split')")
    tab.keyboard.press("Enter")
    tab.wait_for_selector(".component button:has-text('+')", state="detached")
    settled(tab, "notes")
    assert tab.evaluate("document.activeElement.ariaLabel").startswith("Hear")
