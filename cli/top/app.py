"""The application: it begins with all accounts, and ends with q or Ctrl-C."""

from __future__ import annotations

from typing import ClassVar

from textual.app import App
from textual.binding import Binding, BindingType

from exitplan.cli.top.screens import AccountsScreen
from exitplan.web.observed import Observed


class Top(App[None]):
    """The dashboard in a terminal; it only looks."""

    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+c", "quit", "Quit", show=False, priority=True)]

    def __init__(self, observed: Observed) -> None:
        super().__init__()
        self.observed = observed

    def on_mount(self) -> None:
        """Begin with all accounts."""
        self.push_screen(AccountsScreen(self.observed))
