"""What a market's scores are made from: another digest where its formulas may mean something else."""

from __future__ import annotations

from pathlib import Path

from signalnode.signals.identity import table_digest


def test_a_table_of_signals_is_another_where_a_number_an_extra_or_its_code_is(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("def calm(features, parameters):\n    return -features.volatility\n")
    tables: list[dict[str, object]] = [
        {},
        {"volume_s": 30.0},
        {"extra": ["book_pressure"]},
        {"extra": [f"{file}:calm"]},
        {"extra": [f"{file}:other"]},
    ]
    digests = [table_digest(table) for table in tables]
    assert len(set(digests)) == len(tables)
    file.write_text("def calm(features, parameters):  # the same\n    return -features.volatility\n")
    assert [table_digest(table) for table in tables] == digests
    file.write_text("def calm(features, parameters):\n    return -2.0 * features.volatility\n")
    assert table_digest(tables[3]) != digests[3]
