"""The aims, and whether this run reaches them."""

from __future__ import annotations

from bench.comparison import Results
from bench.engines import ENGINES, OURS
from bench.tables import aligned, figure

_OURS_US, _PEAK_MB, _GROWTH = 20.0, 200.0, 2.0
_FILE_US = {1_000: 50.0, 100_000: 60.0}
_FILE_MB = 250.0


def aims_table(engines: Results, plans: Results) -> str:
    """Compare the results with the aims."""
    largest = max(engines[OURS])
    ours = max(engines[OURS][size].us for size in engines[OURS] if size >= 100)
    others = {name: measured[largest].us for name, measured in engines.items() if ENGINES[name].module}
    fastest = min(others, key=others.__getitem__, default=None)
    peak = engines[OURS][largest].peak_mb
    rows = [
        _row(f"evaluation, checked: at most {_OURS_US:.0f} us per position", f"{figure(ours)} us", ok=ours <= _OURS_US),
        _row(f"evaluation, whole process: below {_PEAK_MB:.0f} MB", f"{figure(peak)} MB", ok=peak < _PEAK_MB),
        *(_plan_rows(plans)),
    ]
    if fastest is not None:
        us = engines[OURS][largest].us
        shown = f"{figure(us)} us, {fastest} {figure(others[fastest])} us"
        rows.insert(1, _row(f"evaluation, checked: ahead of others at {largest:,}", shown, ok=us < others[fastest]))
    return aligned(["aim", "measured", "reached"], rows)


def _plan_rows(plans: Results) -> list[list[str]]:
    mixed = plans["mixed"]
    middle = mixed[1_000] if 1_000 in mixed else mixed[max(mixed)]
    growth = mixed[max(mixed)].us / middle.us
    files = plans["file"]
    largest = files[max(files)]
    peak = figure(largest.peak_mb)
    return [
        *(
            _row(
                f"file to file: at most {most:.0f} us at {size:,}",
                f"{figure(files[size].us)} us",
                ok=files[size].us <= most,
            )
            for size, most in _FILE_US.items()
            if size in files
        ),
        _row(f"file to file: below {_FILE_MB:.0f} MB at {max(files):,}", f"{peak} MB", ok=largest.peak_mb < _FILE_MB),
        _row(f"snapshot to plan: at most twice that at {max(mixed):,}", f"x {growth:.2f}", ok=growth <= _GROWTH),
    ]


def _file_row(size: int, us: float) -> list[str]:
    most = _FILE_US[size]
    return _row(f"file to file: at most {most:.0f} us per position at {size:,}", f"{figure(us)} us", ok=us <= most)


def _row(aim: str, measured: str, *, ok: bool) -> list[str]:
    return [aim, measured, "yes" if ok else "no"]
