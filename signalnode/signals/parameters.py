"""A market's own parameters: the `[signals]` numbers of its file over the defaults, as one record."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np

from signalnode.errors import ConfigError
from signalnode.signals import DERIVED, PARAMETER_DTYPE, PARAMETERS


def parameters_of(overrides: Mapping[str, object], where: str = "signals") -> Any:
    """The parameters as an array of one record, dtype PARAMETER_DTYPE.

    Raises ConfigError with a line, beginning with `where`, for each unknown name and each value that is out
    of its range.
    """
    known = {parameter.name: parameter for parameter in PARAMETERS}
    record = np.zeros(1, PARAMETER_DTYPE)
    for parameter in PARAMETERS:
        record[parameter.name] = parameter.default
    faults = []
    for name, value in overrides.items():
        declared = known.get(name)
        if declared is None:
            close = difflib.get_close_matches(name, known, n=1)
            mend = f"did you mean {close[0]}?" if close else f"known are {', '.join(sorted(known))}"
            faults.append(f"{where}: signals.{name}: unknown parameter; {mend}")
        elif isinstance(value, bool) or not isinstance(value, int | float):
            faults.append(f"{where}: signals.{name}: {value!r} is not a number; give one in {declared.unit}")
        elif not declared.minimum <= value <= declared.maximum:
            bounds = f"{declared.minimum:g} to {declared.maximum:g} {declared.unit}"
            faults.append(f"{where}: signals.{name}: {value!r} is out of range; choose {bounds}")
        else:
            record[name] = float(value)
    if faults:
        raise ConfigError(faults)
    told = SimpleNamespace(**{parameter.name: record[parameter.name].item() for parameter in PARAMETERS})
    for derived in DERIVED:
        record[derived.name] = derived.made_of(told)
    return record
