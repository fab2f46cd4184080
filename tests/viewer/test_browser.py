"""The page in a real browser: search, sort, click, keys, zoom, download, phone."""

from __future__ import annotations

import csv
import io
import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from galspec_spark.viewer.lines import NAMED
from tests.report.browser import Tab, find_browser, open_tab

SHOWN = "document.getElementById('spectrum').dataset.shown || ''"
RANGE = "document.getElementById('spectrum').dataset.range.split(' ').map(Number)"
LISTED = "Array.from(document.querySelectorAll('#body tr')).map(r => r.cells[0].textContent)"
CURRENT = "document.querySelector('#body tr[aria-current]').cells[0].textContent"
KEYS = {"ArrowDown": 40, "ArrowUp": 38, "Escape": 27, "+": 187, "0": 48, "/": 191}


@pytest.fixture(scope="module")
def tab(tmp_path_factory):
    browser = find_browser()
    if browser is None:
        pytest.skip("no Chromium or Chrome is installed")
    with open_tab(browser, tmp_path_factory.mktemp("profile")) as tab:
        yield tab


def wait(tab: Tab, expression: str, expected: Any) -> None:
    """Wait until an expression has a value: spectra are unpacked asynchronously."""
    deadline = time.monotonic() + 30
    while (found := tab.value(expression)) != expected:
        assert time.monotonic() < deadline, (expression, found, expected)
        time.sleep(0.05)


def show(tab: Tab, page: Path, width: int = 1280, *, is_phone: bool = False) -> list[str]:
    """Open the page; return the listed names when the first spectrum is drawn."""
    tab.open(page, width, 800, is_phone=is_phone)
    listed = tab.value(LISTED)
    wait(tab, SHOWN, listed[0])
    return listed


def press(tab: Tab, key: str) -> None:
    text = {"text": key} if len(key) == 1 else {}
    code = {"key": key, "windowsVirtualKeyCode": KEYS[key]}
    tab.call("Input.dispatchKeyEvent", type="keyDown", **code, **text)
    tab.call("Input.dispatchKeyEvent", type="keyUp", **code)


def mouse(tab: Tab, kind: str, x: float, y: float, **more: Any) -> None:
    tab.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)


def click(tab: Tab, selector: str) -> None:
    """Click into the middle of an element, as a person does."""
    box = f"document.querySelector({json.dumps(selector)}).getBoundingClientRect()"
    x, y = tab.value(f"(b => [b.x + b.width / 2, b.y + b.height / 2])({box})")
    for kind in ("mousePressed", "mouseReleased"):
        mouse(tab, kind, x, y, button="left", clickCount=1)


def test_search_group_and_sort(tab: Tab, page: Path) -> None:
    listed = show(tab, page)
    click(tab, "#search")
    tab.call("Input.insertText", text=listed[5][-6:])
    assert listed[5] in tab.value(LISTED)
    assert len(tab.value(LISTED)) < len(listed)
    tab.value("document.execCommand('selectAll')")
    tab.value("document.execCommand('delete')")
    assert tab.value(LISTED) == listed
    groups = tab.value("Array.from(document.getElementById('group').options).map(o => o.text)")
    sizes = [int(re.search(r"\((\d+)\)$", text)[1]) for text in groups]
    for number, size in enumerate(sizes):
        choose = f"(g => {{ g.selectedIndex = {number}; g.dispatchEvent(new Event('change')); }})"
        tab.value(f"{choose}(document.getElementById('group')), 1")
        assert len(tab.value(LISTED)) == size, groups[number]
    assert sizes[0] == len(listed)
    assert all(sizes[1:5])
    show(tab, page)
    column = "Array.from(document.querySelectorAll('#body tr')).map(r => r.cells[4].textContent)"
    for direction, sign in (("ascending", 1), ("descending", -1)):
        click(tab, "#head th[data-name=z] button")
        assert tab.value("document.querySelector('th[data-name=z]').ariaSort") == direction
        values = [sign * float(text) for text in tab.value(column)]
        assert values == sorted(values)
    assert tab.complaints() == []


def test_click_and_keys_choose_a_spectrum(tab: Tab, page: Path) -> None:
    listed = show(tab, page)
    blank = tab.value("document.getElementById('spectrum').toDataURL()")
    click(tab, "#body tr:nth-child(3)")
    wait(tab, SHOWN, listed[2])
    assert tab.value("document.getElementById('name').textContent") == listed[2]
    assert tab.value("document.getElementById('spectrum').toDataURL()") != blank
    assert tab.value("decodeURIComponent(location.hash)") == f"#{listed[2]}"
    press(tab, "ArrowDown")
    wait(tab, SHOWN, listed[3])
    press(tab, "ArrowUp")
    press(tab, "ArrowUp")
    wait(tab, SHOWN, listed[1])
    assert tab.value(CURRENT) == listed[1]
    press(tab, "/")
    assert tab.value("document.activeElement.id") == "search"
    tab.call("Input.insertText", text=listed[7])
    press(tab, "ArrowDown")
    wait(tab, SHOWN, listed[7])
    press(tab, "Escape")
    assert tab.value("document.activeElement.id") != "search"
    assert tab.complaints() == []


def test_each_layer_is_drawn(tab: Tab, page: Path) -> None:
    show(tab, page)
    picture = "document.getElementById('spectrum').toDataURL()"
    pictures = [tab.value(picture)]
    for layer in ("flux", "noise", "model", "fits"):
        click(tab, f"#legend [data-layer={layer}]")
        pictures.append(tab.value(picture))
    assert len(set(pictures)) == 5
    assert tab.value("document.querySelectorAll('#lines tbody tr').length") == len(NAMED)
    said = set()
    for row in range(1, 21):  # of every other one Hβ is detected
        click_row = f"document.querySelector('#body tr:nth-child({row})').click(), "
        said.add(tab.value(f"{click_row} document.getElementById('place').textContent")[:3])
    assert said == {"At ", "Not"}
    assert tab.complaints() == []


def test_it_zooms(tab: Tab, page: Path) -> None:
    show(tab, page)
    whole = tab.value(RANGE)
    assert whole == pytest.approx([3700.8, 6798.3], abs=0.1)
    x, y, width = tab.value(
        "(b => [b.x, b.y + b.height / 2, b.width])"
        "(document.getElementById('spectrum').getBoundingClientRect())"
    )
    mouse(tab, "mouseWheel", x + 0.8 * width, y, deltaX=0, deltaY=-400)
    wait(tab, f"({RANGE})[0] > {whole[0] + 1}", True)
    closer = tab.value(RANGE)
    assert closer[1] - closer[0] < 0.7 * (whole[1] - whole[0])
    assert sum(closer) > sum(whole)  # to the red, where the pointer was
    press(tab, "+")
    assert tab.value(f"(r => r[1] - r[0])({RANGE})") < closer[1] - closer[0]
    press(tab, "0")
    assert tab.value(RANGE) == whole
    mouse(tab, "mousePressed", x + 0.5 * width, y, button="left", clickCount=1)
    mouse(tab, "mouseMoved", x + 0.6 * width, y, button="left", buttons=1)
    mouse(tab, "mouseReleased", x + 0.6 * width, y, button="left", clickCount=1)
    dragged = tab.value(RANGE)
    assert dragged[1] - dragged[0] == pytest.approx(0.1 * (whole[1] - whole[0]), rel=0.2)
    assert "Å · flux" in tab.value("document.getElementById('readout').textContent")
    click(tab, "#zoom [data-from='6490']")
    assert tab.value(RANGE) == pytest.approx([6490, 6790])
    click(tab, "#zoom [data-zoom=reset]")
    assert tab.value(RANGE) == whole
    assert tab.complaints() == []


def test_the_listed_rows_can_be_downloaded(tab: Tab, page: Path, tmp_path: Path) -> None:
    tab.call("Page.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    listed = show(tab, page)
    click(tab, "#search")
    tab.call("Input.insertText", text="OUTLIER")
    found = tab.value(LISTED)
    assert 0 < len(found) < len(listed)
    click(tab, "#download")
    deadline = time.monotonic() + 30
    while not (tmp_path / "spectra.csv").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    rows = list(csv.DictReader(io.StringIO((tmp_path / "spectra.csv").read_text())))
    assert [row["spectrum_id"] for row in rows] == found
    assert all(row["z"] and row["simulated"] == "true" for row in rows)
    assert tab.complaints() == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone_by_day_and_night(tab: Tab, page: Path, scheme: str) -> None:
    wanted = [{"name": "prefers-color-scheme", "value": scheme}]
    tab.call("Emulation.setEmulatedMedia", features=wanted)
    show(tab, page, 390, is_phone=True)
    assert tab.value("document.documentElement.scrollWidth") <= 390
    red = "parseInt(getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0])"
    assert (tab.value(red) > 128) == (scheme == "light")
    assert tab.complaints() == []
    assert [url for url in tab.requests() if not url.startswith("file:")] == []
