"""`python -m tests.venues dydx [PORT]`: a venue on this machine, until Ctrl-C."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from pathlib import Path

from .server import Server

VENUES = sorted(
    path.stem for path in Path(__file__).parent.glob("*.py") if "\nPROTOCOL = " in path.read_text()
)


async def _serve(name: str, port: int) -> None:
    server = Server(name)
    async with server.serving(port=port):
        print(f'[venues.{name}]\nws_url = "{server.ws_url}"\nrest_url = "{server.rest_url}"', flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in VENUES:
        raise SystemExit(f"usage: python -m tests.venues {{{','.join(VENUES)}}} [PORT]")
    with contextlib.suppress(KeyboardInterrupt):
        try:
            asyncio.run(_serve(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 0))
        except OSError as error:
            raise SystemExit(f"{error.strerror}; name another port") from None
