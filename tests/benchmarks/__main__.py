"""`make bench`: every benchmark, as tables. Exit status 1 when a target is missed.

Name some to run only those: `python -m tests.benchmarks engine supervisor`.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from tests.benchmarks.table import Row, print_table


def main(wanted: list[str]) -> int:
    names = sorted(path.stem for path in Path(__file__).parent.glob("bench_*.py"))
    missed: list[Row] = []
    for name in names:
        short = name.removeprefix("bench_")
        if wanted and short not in wanted:
            continue
        module = importlib.import_module(f"tests.benchmarks.{name}")
        title = (module.__doc__ or short).splitlines()[0]
        print(f"\n{short}: running", flush=True)
        missed += [row for row in print_table(title, module.rows()) if not row.met]
    for row in missed:
        print(f"MISSED  {row.what}: {row.measured:.4g} {row.unit}, target {row.target}")
    print("every target met" if not missed else f"{len(missed)} targets missed")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
