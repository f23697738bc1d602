"""The routes of logging in and out."""

from __future__ import annotations

from exitplan.web.routes import Row
from exitplan.web.security.audit_page import audit_page
from exitplan.web.security.log_in import log_in, log_in_page, log_out
from exitplan.web.security.roles import Role

SECURITY: tuple[Row, ...] = (
    Row("/login", "GET", log_in_page, None),
    Row("/login", "POST", log_in, None, changes=True),
    Row("/audit", "GET", audit_page, Role.ADMIN),
    Row("/logout", "POST", log_out, Role.VIEWER, changes=True),
)
