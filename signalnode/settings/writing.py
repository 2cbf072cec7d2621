"""The config as text for `init`: the shipped one, moved into a folder of its own.

`templates/` holds links to the files in config/, so that each text stands once; a wheel has the files.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

from signalnode.errors import UsageError
from signalnode.names import DEFAULT_PANEL
from signalnode.settings.reading import shown

CONFIG_NAME = "signalnode.toml"
TEMPLATES = Path(__file__).with_name("templates")
DEMO_MARKETS = ("BTC-USDT", "ETH-USDT", "SOL-USD")
OWN_MARKET = "SYNTH-USD"
SIGNALS_FROM = "BTC-USDT"  # whose file lists what `[signals]` may hold

# In a checkout the config has neighbours; what `init` writes is all below one folder.
_NEIGHBOURS = '"../'
_PAGE = f'endpoint = "{DEFAULT_PANEL}"'
_SAMPLE = '"../../signalnode/sample/'


def demo_texts() -> dict[str, str]:
    """The shipped config and its markets, by their paths; their recordings are to stand in `sample/`."""
    markets = {market: _template(market).replace(_SAMPLE, '"../sample/') for market in DEMO_MARKETS}
    return _config(markets, _template_of_node())


def own_texts() -> dict[str, str]:
    """The shipped config, and one market whose file shows every kind of feed and every parameter."""
    _, table, parameters = _template(SIGNALS_FROM).partition("[signals]")
    return _config({OWN_MARKET: _template(OWN_MARKET) + table + parameters}, _without_page())


def live_texts(venue: str, symbols: Mapping[str, str], urls: Mapping[str, str]) -> dict[str, str]:
    """The shipped config with these addresses of `venue`, and a live market of it for each name."""
    markets = {name: live_market_text(venue, name, symbol) for name, symbol in symbols.items()}
    texts = _config(markets, _without_page())
    if urls:
        texts[CONFIG_NAME] += addresses_text(venue, urls)
    return texts


def addresses_text(venue: str, urls: Mapping[str, str]) -> str:
    """The table of a venue's addresses, to stand behind a config."""
    return f"\n[venues.{venue}]\n" + "".join(f'{key} = "{url}"\n' for key, url in urls.items())


def addresses_to_append(config: Path, venue: str, given: Mapping[str, str], urls: Mapping[str, str]) -> str:
    """What a config is to say behind all else for these addresses, beside those it has `given`; "" where it
    has them. Raises UsageError where that cannot stand there.
    """
    if all(given.get(key) == url for key, url in urls.items()):
        return ""
    text = addresses_text(venue, urls)
    try:
        tomllib.loads(config.read_text(encoding="utf-8") + text)
    except tomllib.TOMLDecodeError:  # it has such a table, or writes its tables in another way
        what = f"{shown(config)}: venues.{venue}: has other addresses"
        raise UsageError(f"{what}; change them there, then add without any") from None
    return text


def live_market_text(venue: str, market: str, symbol: str) -> str:
    """The file of a live market; `symbol` is what the venue calls it, "" where its name says that."""
    _, table, parameters = _template(SIGNALS_FROM).partition("[signals]")
    feed = f'[feed]\nkind = "live"\nvenue = "{venue}"\n' + (f'symbol = "{symbol}"\n' if symbol else "")
    return f'market = "{market}"\n\n{feed}\n{table}{parameters}'


def _template_of_node() -> str:
    return (TEMPLATES / CONFIG_NAME).read_text(encoding="utf-8").replace(_NEIGHBOURS, '"')


def _without_page() -> str:
    """What listens for browsers is asked for: the demo alone has it without a word."""
    return _template_of_node().replace(_PAGE, f"# {_PAGE}")


def _config(markets: dict[str, str], node: str) -> dict[str, str]:
    """The config last: without it nothing is taken for a node."""
    return {**{f"markets/{market}.toml": text for market, text in markets.items()}, CONFIG_NAME: node}


def _template(market: str) -> str:
    return (TEMPLATES / f"{market}.toml").read_text(encoding="utf-8")
