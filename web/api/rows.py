"""The routes of the API."""

from __future__ import annotations

from exitplan.web.routes import Row

API_ROWS: tuple[Row, ...] = ()
