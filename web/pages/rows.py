"""The routes of the pages."""

from __future__ import annotations

from exitplan.web.routes import Row

PAGES: tuple[Row, ...] = ()
