"""The outer shield: which hosts are answered, and what browsers are told to allow; for every answer, also errors."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from exitplan.web.given import Given

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
_TLS_HEADERS = {"Strict-Transport-Security": "max-age=31536000"}


@dataclass(frozen=True, slots=True)
class Shield:
    """Answers known hosts alone, so that no foreign name leads a browser here, and adds the headers."""

    app: ASGIApp
    given: Given

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._add_headers(MutableHeaders(scope=message))
            await send(message)

        hosts = Headers(scope=scope).getlist("Host")
        if len(hosts) != 1 or hosts[0].lower() not in self.given.hosts:
            answer = PlainTextResponse("This host is not served here; see exitplan serve --public-url.\n", 400)
            await answer(scope, receive, sending)
            return
        await self.app(scope, receive, sending)

    def _add_headers(self, headers: MutableHeaders) -> None:
        for name, value in {**_HEADERS, **(_TLS_HEADERS if self.given.is_https else {})}.items():
            headers[name] = value
        headers.setdefault("Cache-Control", "no-store")
