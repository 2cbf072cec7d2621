"""Generic process supervision: specs in, supervised children out. Knows nothing of markets.

    signals, exits, heartbeats, requests ══► host.loop ──inputs──► core.supervisor ──commands──┐
                                             host.processes, listener, memory, logbook ◄───────┘
                                             └── fork server ──► children, as `inside` begins them

    from signalnode_supervisor import ChildSpec, Settings, run

    def specs(names=()) -> list[ChildSpec]:   # what is wanted now; if it raises, `reload` says why. `names`
        return [                              # are those that a `start` or `restart` is about
            ChildSpec(name="aggregator", role="aggregator", order=0, target="shop.aggregator:main", args={}),
            ChildSpec(name="BTC-USDT", role="engine", order=1, target="shop.engine:main", args={},
                      fingerprint=digest_of_its_config, labels={"market": "BTC-USDT"}),
        ]

    settings = Settings(runtime_dir=..., state_dir=..., preload=("shop.engine.preload",))
    exit_status = run(settings, specs(), reload=specs, on_event=print)      # blocks; 0 after a clean stop

`run` raises AlreadyRunning, DirectoryUnusable, SpecError or PreloadError (all SupervisorError, one line each)
and leaves nothing behind then. SIGTERM and SIGINT stop it cleanly, a second one hurries it, SIGHUP reloads.
`reload` is called from a thread of its own, one request at a time: the loop goes on while it reads.
`put_back=` is called every few seconds by the loop: it makes again what somebody removed of the caller's own
files and returns their paths, quickly; it may raise OSError.
`alone=` is a context manager, held while this runtime directory is this supervisor's and nobody else's.
`on_event(dict)` is called from a thread of its own, never from the loop, with what there is to log:
`{"event": "up", "child": NAME, "pid": …, "level": …, **labels}`. A line that a child printed has
`"event": "output"` and `"line"`; one that is a JSON object brings its own keys instead.

In the child, `target` is called as `function(link, args) -> int`:

    def main(link, args):
        ...
        link.beat(progress=0.4)                          # before that, where a start takes long; 1 at its end
        link.ready(epoch=7)                              # once: now the child is up
        while not stopped:
            work()
            link.beat(seq=n, score_age_s=0.1)            # from the work loop; never blocks, never raises
        return 0

From other programs, over the control socket (newline-delimited JSON, see `control`):

    from signalnode_supervisor.control import request
    request(settings.control_path, "status")           # {"supervisor": {…}, "children": [{…}, …]}
    request(settings.control_path, "status", [NAME])   # that child, with its last exit records in full
    request(settings.control_path, "start", [NAME])    # or "stop", "restart"; answers when it is done, and
                                                       # tells others of a new name by `reload_signal`:
                                                       # {"children": {NAME: {"state": …, "reason": …}}},
                                                       # with "notes" on what is not as one would think
    request(settings.control_path, "reload")           # {"added": […], "removed": […], "restarted": […],
                                                       # "adjusted": […, same process], "kept": n},
                                                       # with "reread" by child on what of `rereads` changed
    request(settings.control_path, "shutdown")

It raises NotRunning, NotAllowed, NoAnswer or RequestRefused (unknown name, faulty config: the message says).
`signalnode_supervisor.logs.follow(settings.log_path(NAME), lines_max=50, follow=True)` yields a log as dicts.
"""

from typing import TYPE_CHECKING

from signalnode_supervisor.core.lifecycle import ChildState
from signalnode_supervisor.errors import (
    AlreadyRunning,
    DirectoryUnusable,
    NoAnswer,
    NotAllowed,
    NotRunning,
    PreloadError,
    RequestRefused,
    SpecError,
    SupervisorError,
)
from signalnode_supervisor.settings import Settings
from signalnode_supervisor.spec import ChildSpec, Limits

if TYPE_CHECKING:
    from signalnode_supervisor.host.loop import run

__all__ = [
    "AlreadyRunning",
    "ChildSpec",
    "ChildState",
    "DirectoryUnusable",
    "Limits",
    "NoAnswer",
    "NotAllowed",
    "NotRunning",
    "PreloadError",
    "RequestRefused",
    "Settings",
    "SpecError",
    "SupervisorError",
    "run",
]


def __getattr__(name: str) -> object:
    # `run` pulls in the whole loop; a client that only asks for a status starts faster without it.
    if name == "run":
        from signalnode_supervisor.host.loop import run

        return run
    raise AttributeError(f"module 'signalnode_supervisor' has no attribute {name!r}")
