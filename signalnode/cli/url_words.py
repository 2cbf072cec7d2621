"""What may be typed where a venue is elsewhere."""

from __future__ import annotations

import argparse


def add_ws_url(verb: argparse.ArgumentParser) -> None:
    """`--ws-url`."""
    verb.add_argument("--ws-url", default="", metavar="URL", help="another address of the venue's WebSocket")


def add_rest_url(verb: argparse.ArgumentParser) -> None:
    """`--rest-url`."""
    verb.add_argument(
        "--rest-url",
        default="",
        metavar="URL",
        help="another address of the venue's REST (default: the config's)",
    )
