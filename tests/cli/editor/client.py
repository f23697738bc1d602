"""An editor for tests: it starts the real server and talks to it over pipes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]


class Editor:
    """A client of the language server; positions are ``(line, column)`` from 0, or found with :meth:`find`."""

    def __init__(self, folder: Path) -> None:
        environ = {**os.environ, "PYTHONPATH": str(ROOT)}
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "exitplan", "lsp"],
            cwd=folder, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        self.number = 0
        self.texts: dict[str, str] = {}
        self.versions: dict[str, int] = {}
        self.told: dict[str, list[dict[str, Any]]] = {}
        answer = self.ask("initialize", processId=None, rootUri=folder.as_uri(), capabilities={})
        self.capabilities = answer["capabilities"]
        self.notify("initialized")

    def close(self) -> int:
        """End the server as editors do; returns its exit code."""
        self.ask("shutdown", nothing=True)
        self.notify("exit")
        try:
            return self.process.wait(timeout=30)
        finally:
            for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
                if stream is not None:
                    stream.close()

    def ask(self, method: str, *, nothing: bool = False, **params: Any) -> Any:
        """Send a request and return its result."""
        self.number += 1
        number = self.number
        self._send({"id": number, "method": method, **({} if nothing else {"params": params})})
        while True:
            message = self._receive()
            if message.get("id") == number and "method" not in message:
                assert "error" not in message, message
                return message["result"]
            self._note(message)

    def notify(self, method: str, **params: Any) -> None:
        """Send a notification."""
        self._send({"method": method, "params": params})

    def open(self, name: str, text: str | None = None) -> list[dict[str, Any]]:
        """Open a file, with a text that is not saved where one is given; returns what is wrong in it."""
        path = self.folder / name
        self.texts[name] = path.read_text(encoding="utf-8") if text is None else text
        self.versions[name] = 1
        document = {"uri": self.uri(name), "languageId": "yaml", "version": 1, "text": self.texts[name]}
        self.notify("textDocument/didOpen", textDocument=document)
        return self.problems(name)

    def type(self, name: str, text: str) -> list[dict[str, Any]]:
        """Replace the text of an open file without saving it; returns what is wrong in it."""
        self.texts[name] = text
        self.versions[name] += 1
        document = {"uri": self.uri(name), "version": self.versions[name]}
        self.notify("textDocument/didChange", textDocument=document, contentChanges=[{"text": text}])
        return self.problems(name)

    def problems(self, name: str) -> list[dict[str, Any]]:
        """Return the newest problems of a file: the server answers in order, so that what was sent is worked off."""
        self.ask("textDocument/hover", textDocument={"uri": self.uri(name)}, position={"line": 0, "character": 0})
        return self.told.get(self.uri(name), [])

    def at(self, method: str, name: str, word: str, *, after: bool = False, count: int = 1) -> Any:
        """Ask about the first (or a later) place where a word stands, or about what is right behind it."""
        text, offset = self.texts[name], -1
        for _ in range(count):
            offset = text.index(word, offset + 1)
        offset += len(word) if after else 0
        line = text.count("\n", 0, offset)
        column = len(text[text.rfind("\n", 0, offset) + 1 : offset].encode("utf-16-le")) // 2
        position = {"line": line, "character": column}
        return self.ask(f"textDocument/{method}", textDocument={"uri": self.uri(name)}, position=position)

    def hover(self, name: str, word: str, count: int = 1) -> str:
        """Return what is shown of a word; empty where nothing is."""
        shown = self.at("hover", name, word, count=count)
        return str(shown["contents"]["value"]) if shown else ""

    def offers(self, name: str, before: str) -> dict[str, str]:
        """Return the words that are offered right behind a text, with their meanings."""
        items = self.at("completion", name, before, after=True)["items"]
        return {item["label"]: item.get("documentation", "") for item in items}

    def target(self, name: str, word: str, count: int = 1) -> tuple[str, int] | None:
        """Return the file and line that a word leads to."""
        found = self.at("definition", name, word, count=count)
        return None if found is None else (found["uri"].rpartition("/")[2], found["range"]["start"]["line"])

    def uri(self, name: str) -> str:
        """Return the address of a file."""
        return (self.folder / name).as_uri()

    def _send(self, message: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        self.process.stdin.flush()

    def _receive(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        length = 0
        while line := self.process.stdout.readline().strip():
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        assert length, self.process.stderr.read().decode() if self.process.stderr else ""
        message: dict[str, Any] = json.loads(self.process.stdout.read(length))
        return message

    def _note(self, message: dict[str, Any]) -> None:
        if message.get("method") == "textDocument/publishDiagnostics":
            self.told[message["params"]["uri"]] = message["params"]["diagnostics"]
        else:
            assert "error" not in message, message
