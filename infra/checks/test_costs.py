"""The costs in the manual and in the benchmarks are those of the capacity that the tests measured, and they leave none out."""

import costs


def test_the_manual_has_the_costs_of_what_was_measured():
    manual = costs.MANUAL.read_text()
    assert costs.written(manual) == manual, "`make costs` writes them anew"


def test_the_benchmarks_have_the_capacity_that_was_measured():
    benchmarks = costs.BENCHMARKS.read_text()
    assert costs.benchmarked(benchmarks) == benchmarks, "`make costs` writes it anew"


def test_every_operation_of_the_api_was_measured():
    operations = {row.operation for row in costs.rows()} - {"-"}
    assert operations == costs.operations()


def test_a_costlier_call_makes_the_manual_stale(monkeypatch):
    calls = costs.measured()
    calls["sign-in"] = (calls["sign-in"][0], calls["sign-in"][1] + 2)
    monkeypatch.setattr(costs, "measured", lambda: calls)
    manual = costs.MANUAL.read_text()
    assert costs.written(manual) != manual
    benchmarks = costs.BENCHMARKS.read_text()
    rows = [row._replace(writes=row.writes + 2) for row in costs.rows()]
    monkeypatch.setattr(costs, "rows", lambda: rows)
    assert costs.benchmarked(benchmarks) != benchmarks
