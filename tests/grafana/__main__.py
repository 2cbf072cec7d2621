"""`python -m tests.grafana`: writes config/grafana/signalnode.json anew."""

from __future__ import annotations

from tests.documents import ROOT
from tests.grafana.board import PATH, write

if __name__ == "__main__":
    write()
    print(f"{PATH.relative_to(ROOT)} is written; its test holds it against this")
