"""The panel's process, put together: the one place that knows both the page and the supervisor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from signalnode.panels.web import process
from signalnode.settings import node_of
from signalnode.settings.arguments import Link
from signalnode_supervisor.control import LOOK_TIMEOUT_S, request
from signalnode_supervisor.errors import SupervisorError


def main(link: Link, args: Mapping[str, Any]) -> int:
    """See `panels.web.process.main`."""
    return process.main(link, args, partial(_children, node_of(args).control_path))


def _children(control: Path) -> Sequence[Mapping[str, Any]]:
    """Every child as `status` lists it; raises OSError where the supervisor gives no answer."""
    try:
        return list(request(control, "status", timeout_s=LOOK_TIMEOUT_S)["children"])
    except (SupervisorError, KeyError, TypeError) as error:
        raise OSError(str(error)) from None
