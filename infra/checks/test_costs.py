"""The costs in the manual are those of the capacity that the tests measured."""

import costs


def test_the_manual_has_the_costs_of_what_was_measured():
    manual = costs.MANUAL.read_text()
    assert costs.written(manual) == manual, "`make costs` writes them anew"


def test_a_costlier_call_makes_the_manual_stale(monkeypatch):
    calls = costs.measured()
    calls["sign-in"] = (calls["sign-in"][0], calls["sign-in"][1] + 2)
    monkeypatch.setattr(costs, "measured", lambda: calls)
    manual = costs.MANUAL.read_text()
    assert costs.written(manual) != manual
