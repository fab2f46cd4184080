"""The page in a real browser, at the width of a desk and of a phone."""

from __future__ import annotations

import pytest

from tests.report.browser import find_browser, open_tab

SIZES = {"desktop": (1280, 800, False), "phone": (390, 844, True)}
BROKEN = "Array.from(document.images).filter(i => !i.alt || !i.complete || !i.naturalWidth).length"
#: Elements that reach beyond the window and are in no box that scrolls.
BEYOND = """Array.from(document.querySelectorAll("main *")).filter(
    e => !e.closest(".scroll") && e.getBoundingClientRect().right > innerWidth + 1).length"""


@pytest.fixture(scope="module")
def tab(tmp_path_factory):
    browser = find_browser()
    if browser is None:
        pytest.skip("no Chromium or Chrome is installed")
    with open_tab(browser, tmp_path_factory.mktemp("profile")) as tab:
        yield tab


@pytest.mark.parametrize("size", SIZES)
def test_page_is_whole_and_fits(tab, written, size) -> None:
    width, height, is_phone = SIZES[size]
    tab.open(written, width, height, is_phone=is_phone)
    assert tab.complaints() == []
    assert tab.value("innerWidth") == width
    assert tab.value("document.documentElement.scrollWidth") <= width
    assert tab.value("document.images.length") == 6
    assert tab.value(BROKEN) == 0
    assert tab.value(BEYOND) == 0
    assert [url for url in tab.requests() if not url.startswith(("file:", "data:"))] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_light_by_day_and_dark_by_night(tab, written, scheme) -> None:
    wanted = [{"name": "prefers-color-scheme", "value": scheme}]
    tab.call("Emulation.setEmulatedMedia", features=wanted)
    tab.open(written, 390, 844, is_phone=True)
    red = "parseInt(getComputedStyle(document.body).{}.match(/\\d+/)[0])"
    assert (tab.value(red.format("backgroundColor")) > 128) == (scheme == "light")
    assert (tab.value(red.format("color")) < 128) == (scheme == "light")


def test_the_browser_sees_what_is_wrong(tab, tmp_path) -> None:
    wrong = tmp_path / "wrong.html"
    wrong.write_text(
        "<main><img src='gone.png'><p style='width:3000px'>wide</p></main><script>gone()</script>"
    )
    tab.open(wrong, 390, 844, is_phone=False)
    assert tab.value("document.documentElement.scrollWidth") > 390
    assert tab.value(BROKEN) == 1
    assert tab.value(BEYOND) > 0
    assert any("gone is not defined" in complaint for complaint in tab.complaints())
    assert any(url.endswith("gone.png") for url in tab.requests())
