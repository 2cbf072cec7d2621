"""`python -m tests.venues dydx [PORT]`: a venue on this machine, until Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
from pathlib import Path

from .server import Server

VENUES = sorted(
    path.stem for path in Path(__file__).parent.glob("*.py") if "\nPROTOCOL = " in path.read_text()
)


def _lines(server: Server) -> list[str]:
    """What a config says of it, and as its comments, how to have one."""
    name, market = server.venue.protocol.name, next(iter(server.venue.listings))
    urls = f"--ws-url {server.ws_url} --rest-url {server.rest_url}"
    return [
        f"# {name} on this machine, with made-up prices, until Ctrl-C. A config of it:",
        f"#   signalnode init try --venue {name} {market} {urls}",
        f"[venues.{name}]",
        f'ws_url = "{server.ws_url}"',
        f'rest_url = "{server.rest_url}"',
    ]


async def _serve(name: str, port: int) -> None:
    server = Server(name)
    async with server.serving(port=port):
        print("\n".join(_lines(server)), flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser("python -m tests.venues", description="A venue on this machine.")
    parser.add_argument("venue", choices=VENUES, metavar="VENUE", help=", ".join(VENUES))
    parser.add_argument("port", nargs="?", type=int, default=0, metavar="PORT", help="default: a free one")
    arguments = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        try:
            asyncio.run(_serve(arguments.venue, arguments.port))
        except OSError as error:
            raise SystemExit(f"{error.strerror}; name another port") from None
