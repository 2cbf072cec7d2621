"""What is said, and the change of a market's file that nobody has made yet."""

from __future__ import annotations

import tomllib

import pytest

from signalnode.features.base import Parameter
from signalnode.research.tuning.decision import Finding
from signalnode.research.tuning.page import page_of
from signalnode.research.tuning.study import Verdict, spoken, without_conflicts
from signalnode.research.tuning.targets import Target
from signalnode.research.tuning.told import difference, lines_of, proposed_for, with_parameters

FAST = Parameter("fast_s", 12.0, 1.0, 100.0, "s", "a test's", (2.0, 50.0))
FOUND = Finding(1, 0.06, 0.05, 0.01, 0.02, 0.99, 0.4, 200, 24, 12)
STANDS = {"A-USD": {"fast_s": 12.0}}


def verdict(name: str, *, finding: Finding | None = FOUND, proposed: float = 0.0, why: str = "") -> Verdict:
    values = {"fast_s": proposed} if proposed else {}
    return Verdict(
        "A-USD",
        Target(name, (name,), (1.0,), "volume", 30.0, (FAST,)),
        1_080.0,
        finding,
        proposed=values,
        doubts=(why,) if why else (),
        best={"fast_s": 30.0},
        ic=0.2,
        nearby=0.9,
        gains=(0.05, 0.07),
        inside=(0.0, 0.06),
        tried=({"fast_s": 12.0}, {"fast_s": 30.0}),
    )


def test_a_proposal_says_what_to_set_what_stands_and_what_it_rests_on() -> None:
    assert list(lines_of([verdict("volume_spike", proposed=30.0)], STANDS)) == [
        "A-USD:",
        "  volume_spike: try fast_s = 30 (now 12)",
        "    IC +0.200, +0.060 inside, +0.050 ± 0.010 held out in 12 of 24 blocks of 18 min, PBO 2%, 99% "
        "real after 200 trials, 40% its own, the rest of all markets, neighbours at ±20% keep 90%",
    ]


def test_what_is_kept_says_why() -> None:
    kept = verdict("volume_spike", finding=None, why="too short")
    assert list(lines_of([kept], STANDS)) == ["A-USD:", "  volume_spike: keep the defaults: too short"]


def test_of_two_proposals_for_one_parameter_the_surer_is_left() -> None:
    weak = Finding(1, 0.06, 0.02, 0.015, 0.1, 0.95, 0.0, 200, 24, 12)
    first, second = without_conflicts(
        [verdict("momentum", finding=weak, proposed=20.0), verdict("volume_spike", proposed=30.0)]
    )
    assert first.proposed == {}
    assert first.doubts == ("volume_spike would set fast_s otherwise, and is surer",)
    assert proposed_for("A-USD", [first, second]) == {"fast_s": 30.0}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "[signals]\nfast_s = 30.0\n"),
        ('market = "A"', 'market = "A"\n\n[signals]\nfast_s = 30.0\n'),
        ("[signals]\n", "[signals]\nfast_s = 30.0\n"),
        ("[signals] # own\nfast_s = 12\n[limits]\n", "[signals] # own\nfast_s = 30.0\n[limits]\n"),
        (
            "[signals]\n# fast_s = 12.0                # a burst\nslow_s = 1.0\n",
            "[signals]\nfast_s = 30.0                  # a burst\nslow_s = 1.0\n",
        ),
        (
            "[signals]\n# fast_s = 12.0\nfast_s = 9.0  # mine\n",
            "[signals]\n# fast_s = 12.0\nfast_s = 30.0 # mine\n",
        ),
        ("[feed]\nfast_s = 1.0\n[signals]\n", "[feed]\nfast_s = 1.0\n[signals]\nfast_s = 30.0\n"),
    ],
)
def test_a_market_file_takes_the_numbers_where_they_belong(before: str, after: str) -> None:
    changed = with_parameters(before, {"fast_s": 30.0})
    assert changed == after
    assert tomllib.loads(changed)["signals"]["fast_s"] == 30.0


def test_the_difference_is_one_that_patch_takes() -> None:
    text = 'market = "A-USD"\n\n[signals]\n# fast_s = 12.0  # a burst\n'
    assert difference(text, {"fast_s": 30.0}, "markets/A-USD.toml") == (
        "--- markets/A-USD.toml\n+++ markets/A-USD.toml\n@@ -2,3 +2,3 @@\n \n [signals]\n"
        "-# fast_s = 12.0  # a burst\n+fast_s = 30.0    # a burst\n"
    )


def test_the_page_holds_verdicts_diff_and_pictures_and_needs_nothing_else() -> None:
    verdicts = [verdict("volume_spike", proposed=30.0), verdict("momentum", finding=None, why="too <short>")]
    page = page_of(verdicts, STANDS, {"A-USD": "+fast_s = 30.0\n"}, "200 trials, seed 1.")
    for told in ("try fast_s = 30 (now 12)", "too &lt;short&gt;", "+fast_s = 30.0", "Gain by fast_s", "<svg"):
        assert told in page
    assert "<script" not in page
    assert "http" not in page


def test_lengths_are_spoken_as_people_do() -> None:
    assert [spoken(each) for each in (45.0, 1_080.0, 12_600.0)] == ["45 s", "18 min", "3.5 h"]
