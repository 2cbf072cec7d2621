"""What a browser may ask over its WebSocket: one small JSON map a message. Pure.

`{"open": "BTC-USD", "id": 3}` opens a market, `{"open": null}` closes it; `{"show": "processes"}` has that
tab kept up to date, `{"show": null}` none; `{"seen": 7}` says that seven board frames have come.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from signalnode.names import NAME_CHARS_MAX

REQUEST_BYTES_MAX = 1_024
REQUESTS_MAX = 20  # of one browser, in a second: more is none of our page's

Tab = Literal["processes", "relations", "hosts"]


class Asked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One request. What is not named in it stays as it was."""

    open: Annotated[str, Meta(max_length=NAME_CHARS_MAX)] | msgspec.UnsetType | None = msgspec.UNSET
    id: Annotated[int, Meta(ge=0, le=2**32 - 1)] = 0
    show: Tab | msgspec.UnsetType | None = msgspec.UNSET
    seen: Annotated[int, Meta(ge=0, le=2**53)] | msgspec.UnsetType = msgspec.UNSET


_DECODER = msgspec.json.Decoder(Asked)


def asked(message: str | bytes) -> Asked | None:
    """The request in `message`, None for anything else."""
    try:
        return _DECODER.decode(message)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
