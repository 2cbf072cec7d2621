"""A headless Chromium, Debian's, for tests of the page; and waiting for what it shows."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.effort import PATIENCE_S

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
# As root it has no sandbox; and it must not ask the world for updates.
OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (extra dev)")


@contextmanager
def browser() -> Iterator[playwright.Browser]:
    """The browser, for as long as the block lasts; skips where there is none, but never in CI."""
    if PROGRAM is None:
        assert not os.environ.get("CI"), "CI has a browser: .ci/run installs Debian's chromium"
        pytest.skip("no Chromium here; Debian's package is chromium")
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=PROGRAM, args=list(OPTIONS))
        try:
            yield started
        finally:
            started.close()


def until(page: playwright.Page, expression: str, what: str) -> object:
    """Wait until the JavaScript is true, asked from outside: the page's own rules forbid `eval` within it."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        found = page.evaluate(expression)
        if found:
            return found
        page.wait_for_timeout(50)
    raise AssertionError(f"never: {what} ({expression})")
