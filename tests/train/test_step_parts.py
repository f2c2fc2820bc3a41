"""What a step is made of, on the smallest recipe: both ways of having photos, every part, no time asserted."""

from pathlib import Path

from benchmarks.training.step_parts import PARTS, parts_table

EXAMPLES = Path(__file__).resolve().parent.parent.parent / "assets" / "examples"


def test_the_table_has_both_ways_and_every_part(capsys):
    parts_table(str(EXAMPLES), name="smoke", batch=2, compiled=False, steps=1, rounds=1)
    told = capsys.readouterr().out
    assert "### A step of smoke, 2 photos at 32 px" in told and "| | loaded | on the device |" in told
    assert all(f"| {part}, ms alone | " in told for part in PARTS) and "| crops a second | " in told
