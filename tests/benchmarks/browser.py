"""How quickly the browser app shows a clinic of 50: first paint, a step drawn, and ten who watch at once.

    python -m tests.benchmarks.browser

Needs the extra `server` and Chromium. It prints what it measured and fails on nothing but errors.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from typing import Any

from tests.server.served_pages import serving

VIEWERS, WATCHED_SECONDS, STEPS = 10, 20, 20
CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-background-networking"]
CLINIC_OF_50 = ("--physicians", "50")  # the last one given counts
STEP_TIMES = """async (steps) => {
  const times = [], day = () => document.querySelector('.ct-day').textContent;
  const button = [...document.querySelectorAll('button')].find((b) => b.textContent === 'Step a day');
  for (let i = 0; i < steps; i++) {
    const before = day(), began = performance.now();
    button.click();
    while (day() === before) await new Promise((done) => setTimeout(done, 2));
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    times.push(performance.now() - began);
  }
  return times;
}"""


def one_viewer(browser: Any, address: str) -> None:
    """First paint, the clinic there, and steps from the click to the drawn day."""
    page = browser.new_context().new_page()
    began = time.monotonic()
    page.goto(address)
    page.get_by_role("heading", level=1).wait_for(timeout=60_000)
    painted = time.monotonic() - began
    page.get_by_text("(day 0)").wait_for(timeout=60_000)
    there = time.monotonic() - began
    times = page.evaluate(STEP_TIMES, STEPS)
    page.context.close()
    print(f"first paint {painted:.2f} s; clinic built and drawn {there:.2f} s")
    print(f"a step of 50 physicians, from the click to the drawn day: median {statistics.median(times):.0f} ms, "
          f"fastest {min(times):.0f}, slowest {max(times):.0f}")  # fmt: skip


def many_viewers(browser: Any, address: str, server: subprocess.Popen[str]) -> None:
    """Ten sessions that play at once: days each has seen, errors, memory of the server."""
    errors: list[str] = []
    pages = []
    for _ in range(VIEWERS):
        page = browser.new_context().new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(address)
        pages.append(page)
    for page in pages:
        page.get_by_role("button", name="Play").click(timeout=120_000)
    time.sleep(WATCHED_SECONDS)
    days = [int(page.locator(".ct-day").inner_text().split("(day ")[1].rstrip(")")) for page in pages]
    gone = sum(page.locator("#ct-gone").count() for page in pages)
    print(f"{VIEWERS} viewers playing for {WATCHED_SECONDS} s: days seen {min(days)} to {max(days)}, "
          f"{len(errors)} errors, {gone} disconnected, server's memory {memory_megabytes(server.pid):.0f} MB, "
          f"load of the machine {os.getloadavg()[0]:.1f}")  # fmt: skip


def memory_megabytes(pid: int) -> float:
    """Resident memory of a process."""
    with open(f"/proc/{pid}/status", encoding="utf-8") as status:
        return int(next(line for line in status if line.startswith("VmRSS")).split()[1]) / 1024


def main() -> None:
    """Measure and print."""
    from playwright.sync_api import sync_playwright

    with serving(*CLINIC_OF_50) as (address, server), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        one_viewer(browser, address)
        many_viewers(browser, address, server)
        browser.close()


if __name__ == "__main__":
    main()
