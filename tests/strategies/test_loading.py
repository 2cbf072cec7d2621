from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from signalnode.errors import ConfigError, ExtensionError
from signalnode.strategies import STRATEGIES
from signalnode.strategies.loading import STRATEGIES_MAX, load_strategies
from signalnode.strategies.threshold import Threshold
from tests.strategies.views import market, view

OWN = """
from dataclasses import dataclass

from signalnode.strategies import Decision

class Spike:
    def __init__(self, level=90.0):
        self.level = level

    def evaluate_opportunities(self, view):
        return [
            Decision(action="look", markets=(market,), direction="neutral", strength=scores["volume_spike"],
                     reasons=("volume",))
            for market, scores in view.items() if scores["volume_spike"] >= self.level
        ]

class Leaving:
    def __init__(self):
        raise SystemExit(0)

@dataclass
class Careless:
    level: float = 1.0

    def __post_init__(self):
        {}[self.level]

class Mute:
    pass

NUMBER = 3
"""


def loaded(tables: dict[str, Any], config: Path = Path("signalnode.toml")) -> dict[str, Any]:
    return {name: each.strategy for name, each in load_strategies(tables, config, STRATEGIES).items()}


def faults(tables: dict[str, Any], config: Path = Path("signalnode.toml")) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        loaded(tables, config)
    return caught.value.faults


def test_without_tables_every_registered_strategy_runs_with_its_defaults() -> None:
    assert list(loaded({})) == [each.name for each in STRATEGIES]


def test_a_table_gives_parameters_and_a_kind_lets_one_class_run_twice() -> None:
    found = loaded({"fast": {"kind": "threshold", "entry": 80}, "threshold": {"entry": 95.0}})
    assert isinstance(found["fast"], Threshold)
    assert (found["fast"].entry, found["threshold"].entry) == (80.0, 95.0)


def test_a_strategy_can_be_left_out() -> None:
    assert list(loaded({"threshold": {"enabled": False}, "ranking": {}})) == ["ranking"]


def test_every_fault_is_listed_with_its_key() -> None:
    found = faults(
        {
            "threshold": {"entri": 80, "dwell_s": -1},
            "sniper": {"needs": {"momentum": 300}},
            "ranking": 7,
            "magic": {},
            "divergence": {"_spreads": {}},
        }
    )
    text = "\n".join(found)
    assert len(found) == 6
    for words in (
        "strategies.threshold.entri: unknown key; did you mean entry",
        "strategies.threshold.dwell_s",
        "strategies.sniper: momentum = 300",
        "strategies.ranking: is not a table",
        "strategies.magic.kind: 'magic' is not known",
        "strategies.divergence._spreads: unknown key",
    ):
        assert words in text


def test_levels_the_wrong_way_round_are_a_line_of_the_config() -> None:
    (line,) = faults({"threshold": {"entry": 50.0, "exit": 60.0}})
    assert line.startswith("signalnode.toml: strategies.threshold: exit = 60 is above entry = 50")


def test_the_number_of_strategies_is_bounded() -> None:
    many = {f"s{k}": {"kind": "threshold"} for k in range(STRATEGIES_MAX + 1)}
    assert f"{STRATEGIES_MAX} is the most" in faults(many)[0]


def test_a_user_s_own_file_is_loaded_from_beside_the_config_and_decides(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(OWN)
    found = loaded({"spike": {"kind": "mine.py:Spike", "level": 60.0}}, tmp_path / "signalnode.toml")
    (decision,) = found["spike"].evaluate_opportunities(view(0, {"A": market(volume_spike=70.0)}))
    assert (decision.action, decision.strength) == ("look", 70.0)


@pytest.mark.parametrize(
    ("kind", "keys", "words"),
    [
        ("mine.py:Nobody", {}, "holds no class Nobody"),
        ("mine.py:NUMBER", {}, "holds no class NUMBER"),
        ("mine.py:Mute", {}, "has no evaluate_opportunities"),
        ("mine.py:Spike", {"height": 3}, "refused its keys"),
        ("mine.py:Leaving", {}, "refused its keys .SystemExit: 0"),
        ("mine.py:Careless", {}, "refused its keys .KeyError: 1.0"),
        ("leaving.py:Spike", {}, "SystemExit: 0"),
        ("gone.py:Spike", {}, "no such file"),
        ("broken.py:Spike", {}, "SyntaxError"),
        ("raising.py:Spike", {}, "ZeroDivisionError"),
        ("picky.py:Spike", {}, r"refused its keys \(ValueError: one two\)"),
    ],
)
def test_what_is_wrong_with_a_user_s_file_is_one_line(
    tmp_path: Path, kind: str, keys: dict[str, Any], words: str
) -> None:
    (tmp_path / "mine.py").write_text(OWN)
    (tmp_path / "broken.py").write_text("class Spike(:")
    (tmp_path / "raising.py").write_text("1 / 0")
    (tmp_path / "leaving.py").write_text("raise SystemExit(0)")
    picky = "class Spike:\n    def __init__(self): raise ValueError('one\\ntwo')"
    (tmp_path / "picky.py").write_text(picky)
    with pytest.raises(ExtensionError, match=words) as caught:
        loaded({"own": {"kind": kind, **keys}}, tmp_path / "signalnode.toml")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["a b", "x" * 65, ""])
def test_a_name_that_no_topic_can_carry_is_refused_before_its_first_decision_is_lost(name: str) -> None:
    (fault,) = faults({name: {"kind": "threshold"}})
    assert fault.startswith("signalnode.toml: strategies: ")


def spike(**keys: Any) -> dict[str, Any]:
    return {"spike": {"kind": "mine.py:Spike", "level": 60.0, **keys}}


@pytest.mark.parametrize("code", [OWN, OWN.replace("class Spike:", "class Spike:  # mine\n    'Loud.'\n")])
def test_a_strategy_lives_on_while_kind_keys_and_what_its_file_means_are_the_same(
    tmp_path: Path, code: str
) -> None:
    config = tmp_path / "signalnode.toml"
    (tmp_path / "mine.py").write_text(OWN)
    first = load_strategies(spike(), config, STRATEGIES)
    (tmp_path / "mine.py").write_text(code)
    again = load_strategies(spike(enabled=True) | {"threshold": {}}, config, STRATEGIES, first)
    assert list(again) == ["spike", "threshold"]
    assert again["spike"] is first["spike"]


@pytest.mark.parametrize(
    ("code", "keys"),
    [
        (OWN, {"level": 61.0}),
        (OWN, {"kind": "mine.py:Other"}),
        (OWN.replace(">= self.level", "> self.level"), {}),
    ],
)
def test_a_strategy_of_another_kind_key_or_code_is_a_new_one(
    tmp_path: Path, code: str, keys: dict[str, Any]
) -> None:
    config, other = tmp_path / "signalnode.toml", "\nclass Other(Spike): ...\n"
    (tmp_path / "mine.py").write_text(OWN + other)
    first = load_strategies(spike(), config, STRATEGIES)
    (tmp_path / "mine.py").write_text(code + other)
    again = load_strategies(spike(**keys), config, STRATEGIES, first)
    assert again["spike"].strategy is not first["spike"].strategy


def test_a_file_that_broke_is_refused_though_its_strategy_lives(tmp_path: Path) -> None:
    config = tmp_path / "signalnode.toml"
    (tmp_path / "mine.py").write_text(OWN)
    first = load_strategies(spike(), config, STRATEGIES)
    (tmp_path / "mine.py").write_text("class Spike(:")
    with pytest.raises(ExtensionError, match="SyntaxError"):
        load_strategies(spike(), config, STRATEGIES, first)
    (tmp_path / "mine.py").unlink()
    with pytest.raises(ExtensionError, match="no such file"):
        load_strategies(spike(), config, STRATEGIES, first)
