"""What of all that happens is worth a word: what is wrong for long enough, and when it is over. Pure.

Of each subject at most one incident is open. A state opens it when it has lasted `after_s`; another one that
lasts as long is told as well; it is over when the subject was well for `after_s`, or BACK_S_MAX where that is
longer. A process that was started again opens one at once.

| stands | told nothing | told of something |
|---|---|---|
| well | | over, when it lasts |
| as told | | |
| otherwise, in a state of `alerts.states` | tell, when it lasts | tell, when it lasts |
| otherwise | | |
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from signalnode.bus.wire import DecisionMessage, ProcessState, ViewMessage
from signalnode.clock import NS_PER_S
from signalnode.names import AGGREGATOR
from signalnode.panels.alerts.conditions import WELL, Condition, Heard, cluster_subjects, conditions
from signalnode.panels.alerts.events import AT_ONCE, BACK, GONE, Event, Now, decision_event
from signalnode.panels.status import duration
from signalnode.settings import AlertSettings

BACK_S_MAX = 5.0  # well for so long, it is over
SUBJECTS_MAX = 4_000  # markets, processes and strategies of one node


@dataclass(slots=True)
class _Subject:
    condition: Condition
    since: Now
    told: str = ""  # what was told last, "" for nothing
    told_ns: int = 0  # when that began, by the wall clock
    pulsed_ns: int | None = None  # when its process was started again


@dataclass(slots=True)
class Incidents:
    """One node's. `told`: by subject what an earlier process has told and not taken back."""

    settings: AlertSettings
    began: Now
    told: Mapping[str, str] = field(default_factory=dict)
    _subjects: dict[str, _Subject] = field(default_factory=dict)
    _view: ViewMessage | None = None
    _viewed_ns: int = 0
    _processes: Mapping[str, ProcessState] = field(default_factory=dict)
    # Of what only grows, by subject and kind.
    _counts: dict[tuple[str, str], int] = field(default_factory=dict)
    _due: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        for name, kind in self.told.items():
            self._subjects[name] = _Subject(Condition(kind), self.began, kind, self.began.wall_ns)
        self._viewed_ns = self.began.ns

    def take_view(self, view: ViewMessage, now: Now) -> None:
        """Layer 5 has spoken."""
        self._view, self._viewed_ns = view, now.ns
        if view.layer5 is not None and view.layer5.withheld:
            why = f"{view.layer5.withheld} since its start; is the disk full?"
            self._pulse(AGGREGATOR, "withheld", view.layer5.withheld, why, now)

    def take_processes(self, processes: Mapping[str, ProcessState], now: Now) -> None:
        """The supervisor has written down how each child stands."""
        self._processes = processes
        for name, state in processes.items():
            if state.state == "starting":  # why the process before ended is told when it is up, or fails
                continue
            how_often = f"{state.restarts} {'times' if state.restarts != 1 else 'time'} so far"
            why = f"{state.why}, {how_often}" if state.why else how_often
            self._pulse(name, "restarted", state.restarts, why, now)

    def take_decision(self, decision: DecisionMessage) -> None:
        """A strategy has decided."""
        patterns, silent = self.settings.decisions, self._is_silent
        if not any(fnmatchcase(decision.strategy, each) for each in patterns):
            return
        if not silent(decision.strategy, "decision") and not all(map(silent, decision.markets)):
            self._due.append(decision_event(decision))

    def turn(self, now: Now) -> list[Event]:
        """What is to be told now."""
        seen = dict(conditions(self._heard(now)))
        for name, condition in seen.items():
            subject = self._subjects.get(name)
            if subject is None and len(self._subjects) < SUBJECTS_MAX:
                subject = self._subjects[name] = _Subject(condition, now)
            if subject is not None:
                self._due += self._changed(name, subject, condition, now)
        if self._view is not None and self._processes:
            self._forget()
        due, self._due = self._due, []
        return due

    def _changed(self, name: str, subject: _Subject, condition: Condition, now: Now) -> Iterator[Event]:
        if condition.kind != subject.condition.kind:
            subject.since = now
        subject.condition = condition
        kind, age_s = condition.kind, (now.ns - subject.since.ns) / NS_PER_S
        if kind == WELL:
            if subject.told and age_s >= min(self.settings.after_s, BACK_S_MAX):
                lasted = duration(max(0.0, (subject.since.wall_ns - subject.told_ns) / NS_PER_S))
                how_long = f"{lasted} ago" if subject.told in AT_ONCE else f"for {lasted}"
                why = f"{subject.told.replace('_', ' ')} {how_long}"
                subject.told, subject.pulsed_ns = "", None
                yield Event(BACK, name, why, subject.since.wall_ns)
        elif kind != subject.told and age_s >= self.settings.after_s and self._is_wanted(name, kind):
            yield self._tell(subject, Event(kind, name, condition.why, subject.since.wall_ns))

    def _tell(self, subject: _Subject, event: Event) -> Event:
        subject.told_ns = subject.told_ns if subject.told else event.since_ns
        subject.told = event.kind
        return event

    def _pulse(self, name: str, kind: str, count: int, why: str, now: Now) -> None:
        """Something that only grows has this count now; what is seen first is no news."""
        before = self._counts.get((name, kind), count)
        if len(self._counts) < SUBJECTS_MAX or (name, kind) in self._counts:
            self._counts[name, kind] = count
        if count <= before or not self._is_wanted(name, kind):
            return
        subject = self._subjects.setdefault(name, _Subject(Condition(WELL), now))
        subject.since, subject.pulsed_ns = now, now.ns
        self._due.append(self._tell(subject, Event(kind, name, why, now.wall_ns)))

    def _heard(self, now: Now) -> Heard:
        pulses_s = {
            name: (now.ns - subject.pulsed_ns) / NS_PER_S
            for name, subject in self._subjects.items()
            if subject.pulsed_ns is not None
        }
        return Heard(self._view, (now.ns - self._viewed_ns) / NS_PER_S, self._processes, pulses_s)

    def _forget(self) -> None:
        """Who is none of the node's any more, after both who may speak of it have spoken."""
        assert self._view is not None
        known = {AGGREGATOR, *self._processes, *self._view.markets, *self._view.strategies}
        if self._view.cluster is not None:
            known |= set(cluster_subjects(self._view.cluster))
        for name in [each for each in self._subjects if each not in known]:
            subject = self._subjects.pop(name)
            if subject.told:
                self._due.append(Event(GONE, name, "", subject.told_ns))
        self._counts = {key: count for key, count in self._counts.items() if key[0] in known}

    def _is_wanted(self, name: str, kind: str) -> bool:
        return kind in self.settings.states and not self._is_silent(name, kind)

    def _is_silent(self, *words: str) -> bool:
        return any(fnmatchcase(word, pattern) for pattern in self.settings.silent for word in words)
