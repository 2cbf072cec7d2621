"""`python -m tests.venues dydx [PORT]`: a venue on this machine, until Ctrl-C."""

from __future__ import annotations

import asyncio
import contextlib
import sys

from .dydx import Dydx

VENUES = {"dydx": Dydx}


async def _serve(name: str, port: int) -> None:
    async with VENUES[name]().serving(port=port) as url:
        print(f'[venues.{name}]\nws_url = "{url}"', flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in VENUES:
        raise SystemExit(f"usage: python -m tests.venues {{{','.join(VENUES)}}} [PORT]")
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 0))
