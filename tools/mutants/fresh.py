"""Run tests on a file that is changed before it is imported: ``python -m tools.mutants.fresh FILE SOURCE TEST...``.

For faults outside of functions: constants, defaults, tables. FILE is the file that is changed, SOURCE holds what is
imported in its place. Exits as pytest does.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

import pytest

from tools.mutants.running import OPTIONS, Quickly


class _Loader(SourceFileLoader):
    source = b""

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self.source, self.get_filename(fullname))


class Changed(PathFinder):
    """Find modules as usual, but give one of them another source."""

    file: Path
    source: bytes

    @classmethod
    def find_spec(
        cls, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find a module; the source of the changed one is not that of its file."""
        spec = super().find_spec(fullname, path, target)
        if spec is not None and spec.origin is not None and Path(spec.origin).resolve() == cls.file:
            loader = _Loader(fullname, spec.origin)
            loader.source = cls.source
            spec.loader = loader
        return spec


def main(file: str, source: str, *tests: str) -> int:
    """Run tests until one fails; gives the exit code of pytest."""
    Changed.file, Changed.source = Path(file).resolve(), Path(source).read_bytes()
    sys.meta_path.insert(0, Changed)
    # A package with a plugin of pytest is imported by pytest's own importer, for its assertions: past what is changed.
    return pytest.main([*OPTIONS, "-x", "--assert=plain", *tests], plugins=[Quickly()])


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
