"""How the benchmark reports: pages keep their own words, and one measurement that fails does not lose the others."""

from pathlib import Path

import pytest

from bench import __main__ as command
from bench import report
from bench.report import Measured, publish_sections, publish_table, rewrite
from bench.scale import QUICK, WHOLE, Scale
from bench.table import Row

PAGE = "before\n<!-- bench one -->\nold\n<!-- end -->\nbetween\n<!-- bench two -->\n<!-- end -->\nafter\n"
ROW = Row("what", "1/s", "", "1", "", True)


@pytest.fixture
def page(tmp_path: Path) -> Path:
    written = tmp_path / "page.md"
    written.write_text(PAGE)
    return written


def test_only_what_is_between_the_markers_changes(page: Path) -> None:
    rewrite(page, "one", r"new \1")
    rewrite(page, "two", "second")
    assert page.read_text() == PAGE.replace("old", r"new \1").replace("two -->\n", "two -->\nsecond\n")


def test_a_section_without_a_place_is_refused(page: Path) -> None:
    with pytest.raises(KeyError, match="three"):
        rewrite(page, "three", "new")
    assert page.read_text() == PAGE


def test_the_pages_have_a_place_for_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PERFORMANCE", "README", "LAST"):
        copy = tmp_path / name
        copy.write_text(getattr(report, name).read_text())
        monkeypatch.setattr(report, name, copy)
    sections = ["throughput", "backlog", "fan-out", "bindings", "consumers", "features", "consuming"]
    publish_sections({name: f"of {name}" for name in sections})
    publish_table([ROW])
    performance = (tmp_path / "PERFORMANCE").read_text()
    assert performance.count("<!-- bench ") == len(sections)
    assert all(f"of {name}" in performance for name in sections)
    assert "| what | 1/s |" in (tmp_path / "README").read_text()
    assert "| what | 1/s |" in (tmp_path / "LAST").read_text()


def test_a_measurement_that_fails_is_said_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(scale: Scale) -> Measured:
        raise RuntimeError(f"{scale.connections} connections refused")

    scales: list[Scale] = []

    def sound(scale: Scale) -> Measured:
        scales.append(scale)
        return Measured([ROW])

    monkeypatch.setattr(command, "MEASUREMENTS", {"broken": broken, "sound": sound})
    assert command.main(["--quick"]) == 1
    assert command.main(["sound"]) == 0
    assert scales == [QUICK, WHOLE]
    shown = capsys.readouterr()
    assert "| broken | failed |  |  |  | **not reached** |" in shown.out
    assert "| what | 1/s |" in shown.out
    assert "100 connections refused" in shown.err


def test_a_name_that_is_none_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["amqp", "no-such"]) == 2
    assert "no-such" in capsys.readouterr().err
