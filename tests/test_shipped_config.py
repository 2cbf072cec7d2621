"""The shipped config lists every key there is, each behind a `#` with the default it has in the code."""

from __future__ import annotations

import re
import tomllib
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any

import pytest

from signalnode.features.base import Parameter
from signalnode.settings import (
    AggregatorSettings,
    AlertSettings,
    EngineSettings,
    PanelSettings,
    RecordSettings,
    SupervisorSettings,
)
from signalnode.signals import PARAMETERS
from signalnode.strategies import STRATEGIES

CONFIG = Path(__file__).parent.parent / "config"
HAS_NO_DEFAULT = {
    "keys_dir",
    "sources_file",
    "control_group",
    "folder",
    "token_file",
    "webhook",
    "webhook_file",
    "command",
}  # shown with an example


def uncommented(path: Path) -> dict[str, Any]:
    """The tables of a file, with what stands behind `# key = ` as if it were set."""
    text = re.sub(r"^# (?=\w+ += )", "", path.read_text(encoding="utf-8"), flags=re.M)
    return tomllib.loads(text)


def default_of(field: Field[Any]) -> object:
    value = field.default if field.default_factory is MISSING else field.default_factory()
    return list(value) if isinstance(value, tuple) else value


def defaults_of(kind: type[Any]) -> dict[str, object]:
    return {field.name: default_of(field) for field in fields(kind) if field.init}


NODE = uncommented(CONFIG / "signalnode.toml")
TABLES = {
    "engine": (NODE["engine"], defaults_of(EngineSettings)),
    "aggregator": (NODE["aggregator"], defaults_of(AggregatorSettings)),
    "panel": ({**NODE["panel"], "endpoint": ""}, defaults_of(PanelSettings)),
    "record": (NODE["record"], defaults_of(RecordSettings)),
    "alerts": (NODE["alerts"], defaults_of(AlertSettings)),
    "supervisor": (NODE["supervisor"], defaults_of(SupervisorSettings)),
    **{
        f"strategies.{each.name}": (NODE["strategies"][each.name], defaults_of(each.make))
        for each in STRATEGIES
    },
    "signals": (
        uncommented(CONFIG / "markets" / "BTC-USDT.toml")["signals"],
        {each.name: each.default for each in PARAMETERS} | {"extra": ["my_signals.py:calm"]},
    ),
}


@pytest.mark.parametrize("name", TABLES)
def test_every_key_stands_in_the_shipped_config_with_its_default(name: str) -> None:
    shown, real = TABLES[name]
    assert shown.keys() == real.keys()
    assert {key: shown[key] for key in shown.keys() - HAS_NO_DEFAULT} == {
        key: real[key] for key in real.keys() - HAS_NO_DEFAULT
    }


def test_every_key_says_why_it_is_there() -> None:
    for path in (CONFIG / "signalnode.toml", CONFIG / "markets" / "BTC-USDT.toml"):
        keys = re.findall(r"^# \w+ += .*$", path.read_text(encoding="utf-8"), re.M)
        assert keys
        assert not [line for line in keys if not re.search(r"\S +# \w", line[1:])]


@pytest.mark.parametrize("each", PARAMETERS, ids=lambda each: each.name)
def test_a_parameters_why_is_its_own(each: Parameter) -> None:
    text = (CONFIG / "markets" / "BTC-USDT.toml").read_text(encoding="utf-8")
    assert re.findall(rf"^# {each.name} += \S+ +# (.*)$", text, re.M) == [each.why]
