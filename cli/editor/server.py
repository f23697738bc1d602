"""The language server: the protocol on stdin and stdout, answered by the modules beside this one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path as FilePath
from typing import Any

from lsprotocol import types
from pygls.lsp.server import LanguageServer
from pygls.uris import from_fs_path, to_fs_path
from pygls.workspace import TextDocument

from exitplan.cli.editor.completions import Sort, complete
from exitplan.cli.editor.definitions import definition
from exitplan.cli.editor.diagnosing import Shown, diagnose
from exitplan.cli.editor.hovers import hover
from exitplan.cli.editor.places import Place, place_at
from exitplan.cli.editor.project import Project
from exitplan.ruleset.errors import ExitplanError
from exitplan.ruleset.version import VERSION
from exitplan.schemas.layout.printing import laid_out
from exitplan.schemas.loading.text import display_name

_SEVERITIES = {
    "error": types.DiagnosticSeverity.Error,
    "warning": types.DiagnosticSeverity.Warning,
    "info": types.DiagnosticSeverity.Information,
}
_SORTS: dict[Sort, types.CompletionItemKind] = {
    "key": types.CompletionItemKind.Property,
    "fact": types.CompletionItemKind.Field,
    "operator": types.CompletionItemKind.Operator,
    "value": types.CompletionItemKind.EnumMember,
    "parameter": types.CompletionItemKind.Variable,
    "definition": types.CompletionItemKind.Reference,
    "rule": types.CompletionItemKind.Event,
    "file": types.CompletionItemKind.File,
}
_SUFFIXES = (".yaml", ".yml")


class PolicyServer(LanguageServer):
    """A language server for policies, account files and files of tests."""

    def __init__(self) -> None:
        """Start with no file open."""
        super().__init__("exitplan", VERSION, text_document_sync_kind=types.TextDocumentSyncKind.Incremental)
        self.project = Project()

    def path_of(self, uri: str) -> FilePath | None:
        """Return the file of a document, as a person in the project would name it; None for one that is no YAML."""
        name = to_fs_path(uri) if uri.startswith("file:") else None
        if not name or not name.endswith(_SUFFIXES):
            return None
        path, here = FilePath(name), FilePath.cwd()
        return path.relative_to(here) if path.is_relative_to(here) else path

    def changed(self, uri: str) -> None:
        """Note the text of a document and tell what is wrong in all that are open: others may extend it."""
        path = self.path_of(uri)
        if path is None:
            return
        self.project.put(path, self.workspace.get_text_document(uri).source)
        for other in list(self.workspace.text_documents):
            self.tell(other)

    def tell(self, uri: str) -> None:
        """Send what is wrong in a document."""
        path = self.path_of(uri)
        if path is None:
            return
        document = self.workspace.get_text_document(uri)
        found = [_diagnostic(document, shown) for shown in diagnose(self.project, path)]
        params = types.PublishDiagnosticsParams(uri=uri, version=document.version, diagnostics=found)
        self.text_document_publish_diagnostics(params)

    def at(self, uri: str, position: types.Position) -> tuple[FilePath, TextDocument, Place] | None:
        """Return what stands at a position."""
        path = self.path_of(uri)
        if path is None:
            return None
        document = self.workspace.get_text_document(uri)
        place = place_at(document.source, document.offset_at_position(position))
        return None if place is None else (path, document, place)


def _range(document: TextDocument, start: int, end: int) -> types.Range:
    return types.Range(_position(document, start), _position(document, end))


def _position(document: TextDocument, offset: int) -> types.Position:
    """Return an offset as the client counts: lines, and the units of its encoding."""
    before = document.source[:offset]
    line = before.count("\n")
    position = types.Position(line, offset - (before.rfind("\n") + 1))
    return document.position_codec.position_to_client_units(document.source.split("\n"), position)


def _diagnostic(document: TextDocument, shown: Shown) -> types.Diagnostic:
    return types.Diagnostic(
        range=_range(document, shown.start, shown.end),
        severity=_SEVERITIES[shown.severity],
        message=shown.message,
        code=shown.code or None,
        source="exitplan",
        data={"mend": shown.mend} if shown.mend is not None else None,
    )


def make_server() -> PolicyServer:
    """Make a server that answers all that editors ask of it."""
    server = PolicyServer()
    for name, answer in _ANSWERS.items():
        _register(server, name, answer)
    options = types.CompletionOptions(trigger_characters=["{", " ", "$", ":", "["])
    server.feature(types.TEXT_DOCUMENT_COMPLETION, options)(_bound(server, _complete))
    actions = types.CodeActionOptions(code_action_kinds=[types.CodeActionKind.QuickFix])
    server.feature(types.TEXT_DOCUMENT_CODE_ACTION, actions)(_bound(server, _actions))
    return server


def _register(server: PolicyServer, name: str, answer: Callable[[PolicyServer, Any], Any]) -> None:
    server.feature(name)(_bound(server, answer))


def _bound(server: PolicyServer, answer: Callable[[PolicyServer, Any], Any]) -> Callable[[Any], Any]:
    def answered(params: Any) -> Any:  # noqa: ANN401 - each answer has its own
        return answer(server, params)

    return answered


def _opened(server: PolicyServer, params: types.DidOpenTextDocumentParams) -> None:
    server.changed(params.text_document.uri)


def _changed(server: PolicyServer, params: types.DidChangeTextDocumentParams) -> None:
    server.changed(params.text_document.uri)


def _saved(server: PolicyServer, params: types.DidSaveTextDocumentParams) -> None:
    server.changed(params.text_document.uri)


def _closed(server: PolicyServer, params: types.DidCloseTextDocumentParams) -> None:
    uri = params.text_document.uri
    path = server.path_of(uri)
    if path is not None:
        server.project.drop(path)
        server.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri=uri, diagnostics=[]))
        for other in list(server.workspace.text_documents):
            server.tell(other)


def _hover(server: PolicyServer, params: types.HoverParams) -> types.Hover | None:
    found = server.at(params.text_document.uri, params.position)
    if found is None:
        return None
    path, document, place = found
    said = hover(server.project, path, place)
    if said is None:
        return None
    content = types.MarkupContent(types.MarkupKind.Markdown, said)
    return types.Hover(content, _range(document, place.start, place.end))


def _complete(server: PolicyServer, params: types.CompletionParams) -> types.CompletionList:
    found = server.at(params.text_document.uri, params.position)
    if found is None:
        return types.CompletionList(is_incomplete=False, items=[])
    path, document, place = found
    range_ = _range(document, place.start, place.end)
    items = [
        types.CompletionItem(
            label=offer.word,
            kind=_SORTS[offer.sort],
            detail=offer.sort,
            documentation=offer.meaning or None,
            sort_text=f"{number:04}",
            text_edit=types.TextEdit(range_, offer.word),
        )
        for number, offer in enumerate(complete(server.project, path, place))
    ]
    return types.CompletionList(is_incomplete=False, items=items)


def _definition(server: PolicyServer, params: types.DefinitionParams) -> types.Location | None:
    found = server.at(params.text_document.uri, params.position)
    if found is None:
        return None
    path, _, place = found
    target = definition(server.project, path, place)
    if target is None:
        return None
    file, mark = target
    start = types.Position(max(mark.line - 1, 0), max(mark.column - 1, 0))
    return types.Location(from_fs_path(str(file.resolve())) or "", types.Range(start, start))


def _actions(_server: PolicyServer, params: types.CodeActionParams) -> list[types.CodeAction]:
    """Offer to write what was meant, for the problems that say so."""
    actions = []
    for problem in params.context.diagnostics:
        mend = problem.data.get("mend") if isinstance(problem.data, dict) else getattr(problem.data, "mend", None)
        if mend is None:
            continue
        edit = types.TextEdit(problem.range, str(mend))
        actions.append(
            types.CodeAction(
                title=f"Write {mend}",
                kind=types.CodeActionKind.QuickFix,
                diagnostics=[problem],
                is_preferred=True,
                edit=types.WorkspaceEdit(changes={params.text_document.uri: [edit]}),
            )
        )
    return actions


def _format(server: PolicyServer, params: types.DocumentFormattingParams) -> list[types.TextEdit]:
    """Lay out a document as ``exitplan fmt`` does; one that is broken stays as it is."""
    path = server.path_of(params.text_document.uri)
    if path is None:
        return []
    document = server.workspace.get_text_document(params.text_document.uri)
    try:
        printed = laid_out(document.source.encode("utf-8", "surrogatepass"), display_name(path))
    except ExitplanError:
        return []
    return [types.TextEdit(_range(document, 0, len(document.source)), printed)]


_ANSWERS: dict[str, Callable[[PolicyServer, Any], Any]] = {
    types.TEXT_DOCUMENT_DID_OPEN: _opened,
    types.TEXT_DOCUMENT_DID_CHANGE: _changed,
    types.TEXT_DOCUMENT_DID_SAVE: _saved,
    types.TEXT_DOCUMENT_DID_CLOSE: _closed,
    types.TEXT_DOCUMENT_HOVER: _hover,
    types.TEXT_DOCUMENT_DEFINITION: _definition,
    types.TEXT_DOCUMENT_FORMATTING: _format,
}
