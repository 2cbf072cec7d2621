"""What is installed: our wheel, beside PyPI's supervisor, whose package is called as our folder is."""

from __future__ import annotations

import itertools
import lzma
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from importlib.metadata import files
from pathlib import Path

import pytest

from signalnode.settings import cache_root
from signalnode_supervisor.control import request
from tests.effort import drawn
from tests.ports import free_port
from tests.supervisor.harness import PATIENCE_S, eventually

ROOT = Path(__file__).parents[2]
SOURCES = (ROOT / "signalnode", ROOT / "supervisor" / "signalnode_supervisor")
NODE = """
import sys
from pathlib import Path
from signalnode_supervisor import ChildSpec, Settings, run

def child(link, args):
    import signal, supervisor.options, signalnode_supervisor, time
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    link.ready(supervisord=supervisor.options.VERSION, ours=signalnode_supervisor.__file__)
    while signal.SIGTERM not in signal.sigpending():
        link.beat()
        time.sleep(0.1)
    return 0

if __name__ == "__main__":
    here = Path(__file__).parent
    settings = Settings(runtime_dir=here / "run", state_dir=here / "state", preload=("node",))
    sys.exit(run(settings, [ChildSpec(name="child", target="node:child")]))
"""
SUPERVISORD = """
[supervisord]
nodaemon=true
logfile={home}/log
pidfile={home}/pid
[program:node]
command={python} {home}/node.py
stopsignal=TERM
"""


def built_of(folder: Path) -> Path:
    """The wheel that pip makes of a clean copy; whatever it builds in, is not in the checkout."""
    copy = folder / "checkout"
    for name in ("signalnode", "supervisor"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy2(ROOT / name, copy)
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-index"]
    pip += ["--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(copy)]
    subprocess.run(pip, check=True, capture_output=True, cwd=folder, timeout=PATIENCE_S)
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built_of(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def installed(wheel: Path) -> Path:
    """A folder of packages as pip leaves it, with our wheel in it and nothing of the checkout."""
    folder = wheel.parent / "packages"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


@pytest.fixture
def program(tmp_path: Path, wheel: Path) -> Path:
    """The command as pip installs it into a new environment; what it needs is this one's."""
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "venv")], check=True)
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-index"]
    subprocess.run([*pip, "--no-deps", "--disable-pip-version-check", str(wheel)], check=True)
    (packages,) = (tmp_path / "venv").glob("lib/python*/site-packages")
    (packages / "needed.pth").write_text(f"{Path(pytest.__file__).parents[1]}\n")
    return python.with_name("signalnode")


def test_a_new_user_has_a_node_that_speaks_after_two_commands(tmp_path: Path, program: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    environment = {"HOME": str(home), "PATH": os.environ["PATH"], "XDG_CACHE_HOME": str(cache_root().parent)}

    def asked(*words: str) -> str:
        done = subprocess.run(
            [program, *words],
            cwd=home,
            env=environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "run --panel --config x/signalnode.toml" in asked("init", "--demo", "x")
    (home / "x" / "markets" / "ETH-USDT.toml").unlink()  # one recording is enough to decode
    for whole in (home / "x" / "sample").glob("btc*.xz"):  # and of that the first minute
        with lzma.open(whole) as file:
            lines = list(itertools.islice(file, drawn(6_000, None)))
        with lzma.open(whole, "w", preset=0) as kept:
            kept.writelines(lines)
    config = home / "x" / "signalnode.toml"
    text = config.read_text().replace(":7450", f":{free_port()}").replace(":7480", f":{free_port()}")
    config.write_text(text)
    node = subprocess.Popen(
        [program, "run", "--config", "x/signalnode.toml"],
        cwd=home,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        eventually((home / "x" / "run" / "control.sock").exists, "the node runs")
        heard = asked("subscribe", "--count", "3", "--config", "x/signalnode.toml")
        assert len(heard.splitlines()) == 3
    finally:
        node.send_signal(signal.SIGINT)
        _, log = node.communicate(timeout=PATIENCE_S)
    assert (node.returncode, list((home / "x" / "run").iterdir())) == (0, []), log.decode()
    assert {path.name for path in home.iterdir()} == {"x"}


def files_in(folder: Path) -> set[Path]:
    paths = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return {path.relative_to(folder) for path in paths}


def test_the_wheel_holds_every_file_of_both_packages_and_no_package_else(installed: Path) -> None:
    packages = {path.name for path in installed.iterdir() if path.suffix != ".dist-info"}
    assert packages == {source.name for source in SOURCES}
    for source in SOURCES:
        assert files_in(installed / source.name) == files_in(source)


def test_no_file_of_the_wheel_is_one_of_supervisords(installed: Path) -> None:
    theirs = {str(path) for path in files("supervisor") or ()}
    assert "supervisor/supervisord.py" in theirs
    assert not theirs & {str(path) for path in files_in(installed)}


def test_supervisord_and_our_supervisor_work_in_one_environment(
    installed: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    home = tmp_path_factory.mktemp("sv")  # short, for the socket
    (home / "node.py").write_text(NODE)
    (home / "supervisord.conf").write_text(SUPERVISORD.format(home=home, python=sys.executable))
    process = subprocess.Popen(
        [sys.executable, "-m", "supervisor.supervisord", "-c", str(home / "supervisord.conf")],
        env={**os.environ, "PYTHONPATH": str(installed)},
        cwd=home,
        stdout=subprocess.DEVNULL,
    )
    try:
        eventually((home / "run" / "control.sock").exists, "supervisord starts our supervisor")
        request(home / "run" / "control.sock", "start", ["child"])
        (child,) = request(home / "run" / "control.sock", "status")["children"]
        assert child["state"] == "up", child
        assert child["ours"].startswith(f"{installed}/")
        assert child["supervisord"] >= "4"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE_S)
    assert not (home / "run" / "control.sock").exists()
