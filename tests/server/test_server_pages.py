"""The pages beside the clinic's, in a real browser: read, compared, decided, undone; what is broken is a sentence."""

from served_folders import live_another_day
from served_pages import serving

from experiments.decisions import Ledger


def test_the_twin_page_shows_risks_alerts_and_what_raises_them_or_only_groups(visit, address, folders):
    page = visit(f"{address}/twin")
    rows = page.get_by_role("list", name="Risk of burnout by physician").get_by_role("listitem")
    rows.first.wait_for()
    assert rows.count() == 10 and "dr-09" in rows.first.inner_text() and "92 % (84-100)" in rows.first.inner_text()
    assert "▲ 1.0 points" in rows.first.inner_text() and "high risk" in rows.first.inner_text()
    page.get_by_text("wearable of dr-03: values are not believed").wait_for()
    page.get_by_text("the clinic reports higher values than the twin expects").wait_for()
    assert page.get_by_text("older than 7 days for 10 of 10").is_visible()
    rows.last.get_by_role("button").click()
    page.get_by_role("heading", name="dr-00").wait_for()
    page.get_by_text("evening work").wait_for()
    page.get_by_label("Show").select_option("groups only")
    page.get_by_text("are not shown").wait_for()
    page.get_by_role("heading", name="dr-00").wait_for(state="detached")
    shown = page.locator("main").inner_text()
    assert "dr-0" not in shown and "fewer than the smallest group shown" in shown
    assert "As of 2026-03-07" in shown
    live_another_day(folders / "twin")
    page.get_by_text("As of 2026-03-08").wait_for()


def test_advice_is_approved_and_undone_by_name_and_the_ledger_says_so(visit, address, folders):
    page, other = visit(f"{address}/decide"), visit(f"{address}/decide")
    for one in (page, other):
        one.get_by_role("heading", name="Scribe for the clinic").wait_for()
    assert page.get_by_text("do nothing", exact=True).is_visible()
    page.get_by_role("button", name="Approve").click()
    page.get_by_text("Not done. by: met ''").wait_for()
    page.get_by_label("Your name").fill("Ada Lovelace")
    page.get_by_role("button", name="Approve").click()
    page.get_by_text("abcd1234 is approved by Ada Lovelace").wait_for()
    other.get_by_label("Your name").fill("Ben")
    other.get_by_label("Reason").fill("too dear")
    other.get_by_role("button", name="Reject").click()  # which is what that page still offers
    other.get_by_text("Not done. abcd1234: met an item that Ada Lovelace approved").wait_for()
    page.get_by_label("Reason").fill("patients wait longer")
    page.get_by_role("button", name="Undo").click()
    page.get_by_text("abcd1234 is undone by Ada Lovelace").wait_for()
    page.get_by_text("3 entries, the chain is whole").wait_for()
    entries = Ledger(folders / "decisions.sqlite").entries()
    assert list(entries["state"]) == ["proposed", "approved", "undone"]
    assert list(entries["reason"])[1:] == ["", "patients wait longer"]


def test_a_sweep_is_compared_and_kept_and_a_broken_one_is_a_sentence(visit, address):
    page = visit(f"{address}/experiments")
    page.get_by_text("Compare the scenarios").wait_for()
    assert page.get_by_text("Trust matters most.").is_visible()  # the analysis in the sweep's folder
    page.get_by_label("Measure").select_option("evening_work")
    page.get_by_role("columnheader", name="Level (min a session day)").wait_for()
    assert page.get_by_role("cell", name="scribe 1", exact=True).is_visible()
    with page.expect_download() as kept:
        page.get_by_role("link", name="Download CSV").first.click()
    assert kept.value.path().read_text(encoding="utf-8").startswith("scenario,")
    with page.expect_download() as kept:
        page.get_by_role("link", name="Download figure").first.click()
    assert kept.value.path().read_bytes().startswith(b"\x89PNG")
    page.get_by_label("Sweep").select_option("broken")
    page.get_by_role("alert").filter(has_text="broken").wait_for()


def test_challenges_are_read_and_their_cost_seen(visit, address):
    page = visit(f"{address}/challenges")
    page.get_by_text("80 challenges; choose one").wait_for()
    page.get_by_role("cell", name="12.5").wait_for()
    page.get_by_label("Theme all").select_option("personnel")
    page.get_by_text("12 challenges; choose one").wait_for()
    page.get_by_role("button", name="Staffing shortage").click()
    page.get_by_text("It moves").wait_for()


def test_asking_for_advice_tells_how_far_it_is_and_can_be_stopped(visit, address):
    page = visit(f"{address}/decide")
    page.get_by_role("button", name="Ask for advice").click()
    page.get_by_text("Simulating each change against doing nothing").wait_for()
    page.get_by_role("button", name="Stop this").click()
    page.get_by_role("alert").filter(has_text="Stopped.").wait_for()


def test_pages_are_found_by_their_names_and_a_dead_server_is_a_sentence(visit):
    with serving() as (where, process):
        page = visit(where)
        page.get_by_text("(day 0)").wait_for()
        for name, says in (("Twin", "None is served"), ("Decide", "No ledger is served"),
                           ("Experiments", "None is served"), ("Clinic", "(day 0)")):  # fmt: skip
            page.get_by_role("link", name=name, exact=True).click()
            page.get_by_text(says).first.wait_for()
        process.kill()
        page.get_by_role("alert").filter(has_text="The server has stopped answering").wait_for()
