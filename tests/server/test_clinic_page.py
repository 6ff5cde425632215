"""The Clinic page in a real browser: stepped, changed, looked into, and no two browsers share a clinic."""

import re


def test_a_day_is_stepped_and_two_browsers_have_a_clinic_each(visit, address):
    mine, other = visit(address), visit(address)
    for page in (mine, other):
        page.get_by_text("Week 1, Monday (day 0)").wait_for()
    mine.get_by_role("button", name="Step a day").click()
    mine.get_by_text("Week 1, Tuesday (day 1)").wait_for()
    other.get_by_role("button", name="Step a day").click()
    other.get_by_text("Week 1, Tuesday (day 1)").wait_for()  # day 2 if they shared one
    mine.get_by_role("button", name="Step a day").click()
    mine.get_by_text("Week 1, Wednesday (day 2)").wait_for()
    assert other.get_by_text("(day 1)").is_visible()


def test_a_change_is_switched_on_and_its_effect_seen(visit, address):
    page = visit(address)
    page.get_by_role("button", name="Physician 2:").click()
    page.get_by_role("heading", name="Physician 2").wait_for()
    taken_over = page.locator(".ct-bar", has_text="taken over by others").locator(".ct-number")
    before = float(taken_over.inner_text().split()[0])
    page.get_by_role("switch", name="Scribe", exact=True).check()
    page.get_by_text("dose 1 (share of visits)").wait_for()
    page.get_by_role("button", name="Step a day").click()
    page.get_by_text("(day 1)").wait_for()
    page.get_by_text("Dotted lines: scribe on from day 1.").wait_for()
    assert float(taken_over.inner_text().split()[0]) > before + 20  # of some 60 minutes of documentation a day


def test_a_day_is_watched_and_a_clinic_is_played_stopped_and_begun_again(visit, address):
    page = visit(address)
    page.get_by_text("(day 0)").wait_for()
    clock = page.get_by_label("Time of day")
    counts = set()
    for minute in ("30", "150", "300"):
        clock.fill(minute)
        counts.add(page.locator(".ct-now").inner_text())
    assert len(counts) == 3
    page.get_by_label("Speed").select_option("as fast as it goes")
    page.get_by_role("button", name="Play").click()
    page.get_by_text(re.compile(r"Week [2-9],")).wait_for()
    page.get_by_role("button", name="Stop").click()
    page.get_by_role("button", name="Begin again").click()
    page.get_by_text("Week 1, Monday (day 0)").wait_for()


def test_the_page_is_worked_by_keyboard_on_a_phone(visit, address):
    page = visit(address)
    page.get_by_text("(day 0)").wait_for()
    page.set_viewport_size({"width": 390, "height": 844})
    page.get_by_role("button", name="Step a day").press("Enter")
    page.get_by_text("(day 1)").wait_for()
    page.get_by_role("button", name="Physician 7:").press("Enter")
    page.get_by_role("heading", name="Physician 7").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
