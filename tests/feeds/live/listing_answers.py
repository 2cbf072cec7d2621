"""What venues answer when asked for their markets: by venue, and by the beginning of the path.

After answers that nautilus_trader keeps for its tests (dYdX, Coinbase, Kraken, Bybit, OKX, Deribit, and the
coins of Hyperliquid); the others after the venues' documentation.
"""

from __future__ import annotations

import json
from typing import Any

_SPOT_FILTERS = [
    {"filterType": "PRICE_FILTER", "minPrice": "0.01", "tickSize": "0.01000000"},
    {"filterType": "LOT_SIZE", "stepSize": "0.00001000"},
    {"filterType": "NOTIONAL", "minNotional": "5"},
]


def _binance(symbol: str, quote: str, **more: Any) -> dict[str, Any]:
    return {"symbol": symbol, "baseAsset": "BTC", "quoteAsset": quote, "filters": _SPOT_FILTERS, **more}


def _bybit(symbol: str, quote: str, lot: dict[str, str], **more: Any) -> dict[str, Any]:
    return {
        "symbol": symbol,
        "status": "Trading",
        "baseCoin": "BTC",
        "quoteCoin": quote,
        "priceFilter": {"tickSize": "0.10"},
        "lotSizeFilter": lot,
        **more,
    }


def _deribit(name: str, *, active: bool) -> dict[str, Any]:
    more = {"kind": "future", "contract_size": 10.0, "base_currency": "BTC", "tick_size_steps": []}
    return {"instrument_name": name, "is_active": active, "tick_size": 0.5, "min_trade_amount": 10.0, **more}


def _okx(name: str, kind: str, tick: str, lot: str, state: str = "live") -> dict[str, str]:
    return {"instId": name, "instType": kind, "tickSz": tick, "lotSz": lot, "state": state, "ctVal": ""}


_BYBIT = "/v5/market/instruments-info?limit=1000&category="
_ANSWERS: dict[str, dict[str, Any]] = {
    "binance": {
        "/api/v3/exchangeInfo": {
            "symbols": [
                _binance("BTCUSDT", "USDT", status="TRADING"),
                _binance("BTCEUR", "EUR", status="BREAK"),
            ]
        },
        "/api/v3/ticker/24hr": [{"symbol": "BTCUSDT", "volume": "10.5", "quoteVolume": "630000.25"}],
    },
    "binance_usdm": {
        "/fapi/v1/exchangeInfo": {
            "symbols": [
                _binance("BTCUSDT", "USDT", status="TRADING", contractType="PERPETUAL"),
                _binance("BTCUSDT_270326", "USDT", status="TRADING", contractType="CURRENT_QUARTER"),
            ]
        },
        "/fapi/v1/ticker/24hr": [{"symbol": "BTCUSDT", "quoteVolume": "9000000"}],
    },
    "binance_coinm": {
        "/dapi/v1/exchangeInfo": {
            "symbols": [_binance("BTCUSD_PERP", "USD", contractStatus="TRADING", contractSize=100)]
        },
        "/dapi/v1/ticker/24hr": [
            {"symbol": "BTCUSD_PERP", "volume": "600", "baseVolume": "2", "weightedAvgPrice": "30000.5"}
        ],
    },
    "bitstamp": {
        "/api/v2/trading-pairs-info/": [
            {
                "name": "BTC/USD",
                "url_symbol": "btcusd",
                "base_decimals": 8,
                "counter_decimals": 0,
                "trading": "Enabled",
                "minimum_order": "10 USD",
            }
        ],
        "/api/v2/ticker/": [{"pair": "BTC/USD", "volume": "2.5", "vwap": "60000", "last": "60010"}],
    },
    "bybit": {
        f"{_BYBIT}spot": {
            "retCode": 0,
            "result": {
                "nextPageCursor": "",
                "list": [_bybit("BTCUSDT", "USDT", {"basePrecision": "0.000001"})],
            },
        },
        f"{_BYBIT}linear": {
            "retCode": 0,
            "result": {
                "nextPageCursor": "first%3DBTC",
                "list": [
                    _bybit("BTCUSDT", "USDT", {"qtyStep": "0.001"}, contractType="LinearPerpetual"),
                ],
            },
        },
        f"{_BYBIT}linear&cursor=first%3DBTC": {
            "retCode": 0,
            "result": {
                "nextPageCursor": None,
                "list": [_bybit("BTC-26DEC26", "USDC", {"qtyStep": "0.01"}, contractType="LinearFutures")],
            },
        },
        f"{_BYBIT}inverse": {
            "retCode": 0,
            "result": {
                "nextPageCursor": "",
                "list": [_bybit("BTCUSD", "USD", {"qtyStep": "1"}, contractType="InversePerpetual")],
            },
        },
        "/v5/market/tickers?category=spot": {
            "result": {"list": [{"symbol": "BTCUSDT", "turnover24h": "100.5", "volume24h": "2"}]}
        },
        "/v5/market/tickers?category=linear": {
            "result": {"list": [{"symbol": "BTCUSDT", "turnover24h": "700", "volume24h": "3"}]}
        },
        "/v5/market/tickers?category=inverse": {
            "result": {"list": [{"symbol": "BTCUSD", "turnover24h": "0.5", "volume24h": "40000"}]}
        },
    },
    "coinbase": {
        "/api/v3/brokerage/market/products": {
            "products": [
                {
                    "product_id": "BTC-USD",
                    "status": "online",
                    "price_increment": "0.01",
                    "base_increment": "0.00000001",
                    "trading_disabled": False,
                    "is_disabled": False,
                    "approximate_quote_24h_volume": "758532193.02",
                },
                {
                    "product_id": "OLD-USD",
                    "status": "online",
                    "price_increment": "0.1",
                    "base_increment": "1",
                    "trading_disabled": True,
                    "approximate_quote_24h_volume": "",
                },
                {
                    "product_id": "BTC-USDC",
                    "status": "online",
                    "price_increment": "0.01",
                    "base_increment": "0.00000001",
                    "alias": "BTC-USD",
                },
            ],
            "num_products": 2,
            "pagination": None,
        }
    },
    "deribit": {
        "/api/v2/public/get_instruments": {
            "jsonrpc": "2.0",
            "result": [_deribit("BTC-PERPETUAL", active=True), _deribit("BTC-27DEC24", active=False)],
        }
    },
    "dydx": {
        "/v4/perpetualMarkets": {
            "markets": {
                "BTC-USD": {
                    "clobPairId": "0",
                    "ticker": "BTC-USD",
                    "status": "ACTIVE",
                    "volume24H": "247500844.6834",
                    "tickSize": "1",
                    "stepSize": "0.0001",
                },
                "ETH-USD": {"status": "CANCEL_ONLY", "tickSize": "0.1", "stepSize": "0.001"},
                "BUF,v3,0x4-USD": {"status": "ACTIVE", "tickSize": "0.00001", "stepSize": "10"},
            }
        }
    },
    "gemini": {"/v1/symbols": ["btcusd", "btcgusdperp", "ethbtc"]},
    "hyperliquid": {
        "/info": [
            {
                "universe": [
                    {"name": "BTC", "szDecimals": 5, "maxLeverage": 40},
                    {"name": "kPEPE", "szDecimals": 0, "maxLeverage": 10},
                    {"name": "OLD", "szDecimals": 2, "isDelisted": True},
                ]
            },
            [
                {"markPx": "60000.5", "dayNtlVlm": "1169046.29"},
                {"markPx": "0.012345", "dayNtlVlm": "5.5"},
                {"markPx": None, "dayNtlVlm": None},
            ],
        ]
    },
    "kraken": {
        "/0/public/AssetPairs": {
            "error": [],
            "result": {
                "XXBTZUSD": {
                    "altname": "XBTUSD",
                    "wsname": "XBT/USD",
                    "pair_decimals": 1,
                    "lot_decimals": 8,
                    "tick_size": "0.1",
                    "status": "online",
                },
                "XDGUSD": {
                    "altname": "XDGUSD",
                    "wsname": "XDG/USD",
                    "pair_decimals": 7,
                    "lot_decimals": 8,
                    "status": "cancel_only",
                },
            },
        },
        "/0/public/Ticker": {
            "error": [],
            "result": {"XXBTZUSD": {"v": ["1.0", "1000.5"], "p": ["50000.0", "60000.0"], "t": [1, 2]}},
        },
    },
    "kraken_futures": {
        "/derivatives/api/v3/instruments": {
            "result": "success",
            "instruments": [
                {
                    "symbol": "PF_XBTUSD",
                    "type": "flexible_futures",
                    "tickSize": 1,
                    "contractSize": 1,
                    "tradeable": True,
                    "contractValueTradePrecision": 4,
                }
            ],
        },
        "/derivatives/api/v3/tickers": {"tickers": [{"symbol": "pf_xbtusd", "volumeQuote": 5.5, "tag": "x"}]},
    },
    "okx": {
        "/api/v5/public/instruments?instType=SPOT": {
            "code": "0",
            "data": [
                _okx("BTC-USDT", "SPOT", "0.1", "0.00000001"),
                _okx("ETH-USD", "SPOT", "0.01", "0.000001", "suspend"),
            ],
        },
        "/api/v5/public/instruments?instType=SWAP": {
            "code": "0",
            "data": [_okx("BTC-USD-SWAP", "SWAP", "0.1", "1")],
        },
        "/api/v5/market/tickers?instType=SPOT": {
            "data": [{"instType": "SPOT", "instId": "BTC-USDT", "last": "2", "volCcy24h": "100.5"}]
        },
        "/api/v5/market/tickers?instType=SWAP": {
            "data": [{"instType": "SWAP", "instId": "BTC-USD-SWAP", "last": "60000", "volCcy24h": "2"}]
        },
    },
}


def answer(venue: str, url_path: str) -> bytes:
    """The answer to a path, longest beginning first. Raises KeyError."""
    known = _ANSWERS[venue]
    fitting = sorted((each for each in known if url_path.startswith(each)), key=len)
    if not fitting:
        raise KeyError(url_path)
    return json.dumps(known[fitting[-1]]).encode()
