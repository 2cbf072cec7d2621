"""Which column of a table is what: roles found by the names that exchanges, vendors and people give them.

A name is compared by its letters and digits alone, in lower case: `bid_price`, `bidPrice` and `Bid Price` are
one. An ending `_ns`, `_us`, `_ms` or `_s` of a time is its unit. Where a table has several names of a role,
the one listed first counts. Single letters are no names here: `t` is a time to one and a number to another.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from signalnode.errors import DataError
from signalnode.events import DEPTH, QUOTE, TRADE

NAMES_SHOWN = 12  # columns of a table that is refused
KINDS = {"trades": TRADE, "quotes": QUOTE, "depth": DEPTH}

# Fields of EVENT that an event of each kind has. All must be there.
VALUES: dict[int, tuple[str, ...]] = {
    TRADE: ("price", "size"),
    QUOTE: ("bid", "bid_size", "ask", "ask_size"),
    DEPTH: ("bid_depth", "ask_depth"),
}
SIDES = ("side", "buyer_is_maker")  # of a trade; either may be there
TIMES = ("time", "time_event", "time_received")  # one must be there

# By role, the names that are found without being told.
USUAL: dict[str, tuple[str, ...]] = {
    "time": ("time", "timestamp", "datetime", "ts", "date"),
    "time_event": (
        *("timeevent", "exchangetimestamp", "exchangetime", "tsevent", "transacttime", "transactiontime"),
        *("tradetime", "eventtime", "venuetime"),
    ),
    "time_received": (
        *("timereceived", "localtimestamp", "receipttimestamp", "receivetimestamp", "tsrecv", "received"),
        *("receivedat", "receivetime", "recvtime", "localtime"),
    ),
    "price": ("price", "px", "tradeprice", "lastprice", "last"),
    "size": (
        "size",
        "qty",
        "quantity",
        "amount",
        "volume",
        "tradesize",
        "lastsize",
        "tradeqty",
        "lastqty",
        "vol",
    ),
    "side": ("aggressorside", "side", "takerside", "aggressor", "tradeside", "direction"),
    "buyer_is_maker": ("buyerismaker", "isbuyermaker", "buyermaker"),
    "bid": ("bid", "bidprice", "bidpx", "bestbid", "bestbidprice", "bidpx00", "bids0price"),
    "bid_size": (
        *("bidsize", "bidqty", "bidquantity", "bidamount", "bidvolume", "bestbidsize", "bestbidqty"),
        *("bestbidquantity", "bestbidamount", "bidsz00", "bids0amount"),
    ),
    "ask": ("ask", "askprice", "askpx", "bestask", "bestaskprice", "askpx00", "asks0price", "offer"),
    "ask_size": (
        *("asksize", "askqty", "askquantity", "askamount", "askvolume", "bestasksize", "bestaskqty"),
        *("bestaskquantity", "bestaskamount", "asksz00", "asks0amount", "offersize"),
    ),
    "bid_depth": ("biddepth", "depthbid", "depthbids"),
    "ask_depth": ("askdepth", "depthask", "depthasks"),
    "symbol": ("symbol", "instrument", "instid", "productid", "market", "pair"),
    "kind": ("kind",),
}
_UNIT_AT_END = re.compile(r"_(ns|us|ms|s)$", re.IGNORECASE)


def plain(name: str) -> str:
    """A column's name as it is compared: without its unit, if it is a time's, and in letters and digits."""
    return "".join(letter for letter in _UNIT_AT_END.sub("", name) if letter.isalnum()).lower()


def unit_in(name: str) -> str:
    """The unit that the name of a time ends in: "ms" for `trade_time_ms`; "" where it names none."""
    found = _UNIT_AT_END.search(name)
    return found.group(1).lower() if found else ""


def find_columns(names: Sequence[str], named: Mapping[str, str]) -> dict[str, str]:
    """The column of each role that is there: as `named` says, or by its usual names."""
    there: dict[str, str] = {}
    for name in reversed(names):  # of two that compare equal, the first
        there[plain(name)] = name
    found = {
        role: next(there[each] for each in usual if each in there)
        for role, usual in USUAL.items()
        if any(each in there for each in usual)
    }
    return found | {role: name for role, name in named.items() if name in names}


def lacking_fault(names: Sequence[str], found: Mapping[str, str], kinds: Sequence[str]) -> str:
    """What to say of a table that holds none of `kinds`: the columns it has, and what the nearest lacks."""
    near = max(kinds, key=lambda kind: sum(role in found for role in VALUES[KINDS[kind]]))
    lacks = [role for role in VALUES[KINDS[near]] if role not in found]
    is_near = len(lacks) < len(VALUES[KINDS[near]])
    shown = ", ".join(names[:NAMES_SHOWN])
    meant = ",".join(f"{role}=…" for role in lacks)
    what = f" ({near} lack {', '.join(lacks)})" if is_near else ""
    return f"no {' or '.join(kinds)} in its columns {shown}{what}: name them, --columns {meant}"


def check_roles(named: Mapping[str, str]) -> None:
    """Raise DataError for a role that there is not."""
    for role in named:
        if role not in USUAL:
            raise DataError(f"columns: {role!r} is no role of a column; one of {', '.join(USUAL)}")


def check_named(named: Mapping[str, str], tables: Sequence[Sequence[str]]) -> None:
    """Raise DataError for a column that none of the tables has."""
    for role, name in named.items():
        if not any(name in names for names in tables):
            held = ", ".join(dict.fromkeys(each for names in tables for each in names))
            raise DataError(f"columns: {role} is to be {name!r}, but there are {held}")
