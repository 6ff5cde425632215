"""What the pages share: sentences, tables, pictures to keep, and long work that tells how far it is and can stop."""

from __future__ import annotations

import base64
import io
import threading
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import pandas as pd
import solara
from matplotlib.figure import Figure

from calibration.exports import write_csv
from experiments.figures import house_style
from experiments.page import data_uri

SCREEN_DPI = 110
STOPPED = "Stopped."
drawing = threading.Lock()  # Matplotlib's settings belong to the whole process

Tell = Callable[[str, float], None]  # what comes next, and the share of all that is done with it


class Stopped(Exception):
    """Long work that its reader has stopped."""


class Work(NamedTuple):
    """Long work as a page sees it: ``error`` is a sentence or "", ``share`` is 0-1, ``value`` None until it is done."""

    value: Any
    error: str
    running: bool
    words: str
    share: float
    stop: Callable[[], None]


def use_work(make: Callable[[Tell], Any], dependencies: list[Any]) -> Work:
    """Do ``make`` beside the page, again when the dependencies change; it is stopped when the page is left."""
    told, set_told = solara.use_state(("", 0.0))

    def run(cancelled: threading.Event) -> Any:
        share = 0.0

        def tell(words: str, step: float) -> None:
            nonlocal share
            if cancelled.is_set():
                raise Stopped
            share += step
            set_told((words, min(share, 1.0)))

        set_told(("", 0.0))
        try:
            return make(tell), ""
        except (ValueError, OSError, Stopped) as error:  # said on the page; anything else is logged as well
            return None, sentence(error)

    result = solara.use_thread(run, dependencies=dependencies, intrusive_cancel=False)
    running = result.state in (solara.ResultState.STARTING, solara.ResultState.WAITING, solara.ResultState.RUNNING,
                               solara.ResultState.INITIAL)  # fmt: skip
    value, refused = result.value if result.state == solara.ResultState.FINISHED else (None, "")
    if result.state == solara.ResultState.CANCELLED:
        refused = STOPPED
    return Work(value, refused or sentence(result.error), running, told[0], told[1], result.cancel)


def sentence(error: BaseException | None) -> str:
    """A failure in words: the package's own refusals as they are, anything else by its name."""
    if error is None:
        return ""
    if isinstance(error, Stopped):
        return STOPPED
    if isinstance(error, ValueError | OSError):
        return str(error)
    return f"This failed unexpectedly ({type(error).__name__}: {error}); please report it."


@solara.component
def Waiting(work: Work, what: str) -> None:
    """How far long work is, and a button that stops it; the sentence of its failure."""
    if work.error:
        Words(work.error, alert=True)
    elif work.running:
        Words(f"{what} {work.words}".strip() + " ...", role="status")
        solara.ProgressLinear(100 * work.share if work.share else True)
        with solara.Div(classes=["ct-row"]):
            solara.v.Html(tag="span", class_="ct-hint", children=[f"{100 * work.share:.0f} %" if work.share else ""])
            Press("Stop this", work.stop)


@solara.component
def Words(text: str, alert: bool = False, role: str = "", hint: bool = False) -> None:
    """A paragraph; an alert is read out and marked."""
    kind = "ct-card ct-bad" if alert else "ct-hint" if hint else ""
    solara.v.Html(tag="p", class_=kind, attributes={"role": "alert" if alert else role} if alert or role else {},
                  children=[text])  # fmt: skip


@solara.component
def Heading(text: str, level: int = 2) -> None:
    """A heading."""
    solara.v.Html(tag=f"h{level}", children=[text])


@solara.component_vue("vue/press.vue")
def _Press(label: str, main: bool, disabled: bool, event_press: Any = None) -> None:
    """A button."""


def Press(label: str, act: Callable[[], Any], *, main: bool = False, disabled: bool = False) -> Any:
    """A button that does ``act``."""
    return _Press(label=label, main=main, disabled=disabled, event_press=lambda _=None: act())


@solara.component_vue("vue/choice.vue")
def _Choice(label: str, options: list[list[str]], chosen: str, event_pick: Any = None) -> None:
    """A list to choose from."""


def Choice(label: str, options: Sequence[tuple[str, str]], chosen: str, act: Callable[[str], Any]) -> Any:
    """A list of (value, words) to choose one value from; what is not in the list is not taken."""
    known = {value for value, _ in options}
    return _Choice(label=label, options=[list(o) for o in options], chosen=chosen,
                   event_pick=lambda value: act(value) if value in known else None)  # fmt: skip


@solara.component_vue("vue/table.vue")
def _Table(caption: str, columns: list[str], numeric: list[bool], rows: list[list[str]], ids: list[str], chosen: str,
           tones: list[str], event_pick: Any = None) -> None:  # fmt: skip
    """A table."""


def Table(columns: Sequence[str], rows: Sequence[Sequence[Any]], *, caption: str = "", numbers: Sequence[int] = (),
          keys: Sequence[str] = (), chosen: str = "", act: Callable[[str], Any] | None = None,
          tones: Sequence[str] = ()) -> Any:  # fmt: skip
    """A table of texts, with ``numbers`` the columns set right; with ``keys`` and ``act`` a row can be chosen.

    ``tones`` ("good", "bad" or "") mark rows; a text beside says the same.
    """
    known = set(keys)
    return _Table(caption=caption, columns=list(columns), numeric=[i in numbers for i in range(len(columns))],
                  rows=[[str(cell) for cell in row] for row in rows], ids=list(keys), chosen=chosen, tones=list(tones),
                  event_pick=lambda key: act(key) if act and key in known else None)  # fmt: skip


@solara.component_vue("vue/picture.vue")
def Picture(uri: str, alt: str, caption: str, name: str, csv: str = "") -> None:
    """A picture with its caption, to look at and to keep; ``csv`` is an address of its numbers, or ""."""


def png(figure: Figure) -> str:
    """A figure as data of a page."""
    buffer = io.BytesIO()
    with drawing, house_style():
        figure.savefig(buffer, format="png", dpi=SCREEN_DPI)
    return data_uri(buffer.getvalue(), "image/png")


def csv_uri(table: pd.DataFrame) -> str:
    """A table as a CSV file in an address."""
    buffer = io.StringIO()
    write_csv(table, buffer)  # type: ignore[arg-type]
    return "data:text/csv;base64," + base64.b64encode(buffer.getvalue().encode()).decode("ascii")


def percent(value: float) -> str:
    """A share (0-1) as it is printed."""
    return "" if pd.isna(value) else f"{100 * value:.0f} %"
