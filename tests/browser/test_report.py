"""A report's tables on a phone: numbers move sideways in a place of their own, and say of what they are."""

from __future__ import annotations

from signalnode.research.report import document, table_of
from tests.browser.chromium import browser
from tests.effort import PATIENCE_S

PHONE = {"width": 390, "height": 844}
MARKETS = ("BTC-USDT", "LIQUIDITY-OPPORTUNITY-USD-PERP")
COLUMNS = ("market", "recorded (UTC)", *(f"figure {i}" for i in range(9)))
MOVED = """
() => {
  const place = document.querySelector(".o"), left = place.getBoundingClientRect().left;
  place.scrollLeft = place.scrollWidth;
  const seen = [...place.querySelectorAll("tr")].map((row) => {
    const [first, last] = [row.firstChild, row.lastChild].map((cell) => cell.getBoundingClientRect());
    const above = document.elementFromPoint(first.left + 2, first.top + first.height / 2);
    return first.left === left && row.firstChild.contains(above) && last.right <= innerWidth;
  });
  return [place.scrollLeft > 0, ...seen];
}
"""


def test_numbers_are_moved_sideways_under_the_name_of_their_row_and_the_page_is_not() -> None:
    rows = [
        [f"<b>{name}</b>", "2026-11-27 23:54 to 2026-11-28 00:03", *["0.00162 bps"] * 9] for name in MARKETS
    ]
    with browser() as started:
        page = started.new_page(viewport=PHONE)
        page.set_default_timeout(1_000 * PATIENCE_S)
        page.set_content(document("Evaluation", [table_of(COLUMNS, rows, "m")]))
        assert page.evaluate(MOVED) == [True] * (2 + len(rows))
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_verdicts_stand_below_each_other_each_behind_its_market() -> None:
    rows = [
        [f"<b>{score}</b>", "<b>not shown</b>", "<b>shown</b>"] for score in ("momentum_long", "volume_spike")
    ]
    with browser() as started:
        page = started.new_page(viewport=PHONE)
        page.set_default_timeout(1_000 * PATIENCE_S)
        page.set_content(document("Evaluation", [table_of(("score and claim", *MARKETS), rows)]))
        assert page.evaluate("document.querySelector('.o').scrollWidth") <= PHONE["width"]
        tops = page.evaluate(
            "[...document.querySelectorAll('td')].map((cell) => cell.getBoundingClientRect().top)"
        )
        assert tops == sorted(set(tops))
        said = "getComputedStyle(document.querySelectorAll('td')[2], '::before').content"
        assert page.evaluate(said) == f'"{MARKETS[1]} "'
