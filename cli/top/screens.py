"""The two screens: all accounts, and one of them. Each looks anew every few seconds, beside what is on the screen."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import Screen
from textual.widgets import DataTable, Footer, Input, Static

from exitplan.cli.rendering.screen import words
from exitplan.cli.top.reading import UNREADABLE, AccountLook, ListLook, look_at_all, look_at_one
from exitplan.cli.top.texts import (
    POSITIONS,
    columns_for,
    counts_text,
    head_text,
    plan_text,
    position_cells,
    rest_text,
    unwinds_text,
)
from exitplan.web.observed import Observed
from exitplan.web.pages.accounts import Page, account_page
from exitplan.web.pages.overview import PAUSE, Overview


class Looking(Screen[None]):
    """A screen with a table that can be searched, and that looks anew by itself."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "search", "Search", key_display="/"),
        Binding("r", "refresh", "Refresh"),
        Binding("escape", "leave", "Back", show=False),
        Binding("q", "app.quit", "Quit"),
    ]
    CSS = """
    #said { height: auto; max-height: 40%; padding: 0 1; }
    #halt, #problem { height: auto; padding: 0 1; display: none; }
    #search { display: none; height: 3; }
    DataTable { height: 1fr; min-height: 4; }
    #rest { height: auto; padding: 1 1; }
    #below { height: auto; max-height: 35%; }
    """

    def __init__(self, observed: Observed) -> None:
        super().__init__()
        self.observed = observed
        self.is_reading = False

    def on_mount(self) -> None:
        """Begin to look."""
        self.query_one(DataTable).focus()
        self.set_interval(PAUSE, self.action_refresh)
        self.action_refresh()

    def action_refresh(self) -> None:
        """Look anew, unless a look is under way."""
        if not self.is_reading:
            self.is_reading = True
            self.run_worker(self.read, thread=True)

    def read(self) -> None:
        """Look, beside the screen: this is run in a thread."""
        raise NotImplementedError

    def draw(self) -> None:
        """Draw what was seen last."""
        raise NotImplementedError

    def tell(self, place: str, text: Text | None) -> None:
        """Show a line, or take it away."""
        line = self.query_one(f"#{place}", Static)
        line.display = text is not None
        line.update(text or "")

    @property
    def searched(self) -> str:
        """What is searched for."""
        return self.query_one("#search", Input).value.strip()[:200]

    def action_search(self) -> None:
        """Let something be searched for."""
        box = self.query_one("#search", Input)
        box.display = True
        box.focus()

    def action_leave(self) -> None:
        """End the search, else the screen."""
        box = self.query_one("#search", Input)
        if box.display:
            box.value, box.display = "", False
            self.query_one(DataTable).focus()
        elif len(self.app.screen_stack) > 2:  # noqa: PLR2004 - the empty one, and the list
            self.app.pop_screen()

    @on(Input.Changed, "#search")
    def search_changed(self) -> None:
        """Show what fits by now."""
        self.draw()

    @on(Input.Submitted, "#search")
    def search_ended(self) -> None:
        """Go back to the table, with the search as it is."""
        self.query_one("#search", Input).display = bool(self.searched)
        self.query_one(DataTable).focus()

    def on_resize(self, _: events.Resize) -> None:
        """Draw what there is room for."""
        self.draw()


class AccountsScreen(Looking):
    """All accounts, those first that need somebody."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Open", show=True),
        Binding("f", "filter", "Filter"),
        Binding("n", "page(1)", "Next page"),
        Binding("p", "page(-1)", "Page before"),
    ]

    def __init__(self, observed: Observed) -> None:
        super().__init__(observed)
        self.overview = Overview(observed)
        self.look: ListLook | None = None
        self.page: Page = account_page(())
        self.wanted, self.number = "", 1

    def compose(self) -> ComposeResult:
        """Put the screen together."""
        yield Static(Text("Looking at all accounts ...", "dim"), id="said")
        yield Static(id="halt")
        yield Static(id="problem")
        yield Input(placeholder="an account, a venue, a policy, a tag, a state", id="search")
        yield DataTable(cursor_type="row", zebra_stripes=False)
        yield Footer()

    def read(self) -> None:
        """Look at all accounts."""
        try:
            look = look_at_all(self.observed, self.overview)
        finally:
            self.is_reading = False
        self.app.call_from_thread(self.show, look)

    def show(self, look: ListLook) -> None:
        """Show what was seen."""
        self.look = look
        self.draw()

    def draw(self) -> None:
        """Draw the page that is asked for; the cursor stays with its account."""
        if self.look is None:
            return
        table = self.query_one(DataTable)
        chosen = self._chosen()
        self.page = account_page(self.look.seen.rows, self.searched, self.wanted, self.number)
        self.number = self.page.number
        self.query_one("#said", Static).update(counts_text(self.page, self.searched, self.wanted, self.look.seen.at))
        self.tell(
            "halt",
            None if self.look.halt is None else words(f"All accounts are halted: {self.look.halt}", "bold yellow"),
        )
        self.tell("problem", None if self.look.problem is None else words(self.look.problem, "bold red"))
        columns = columns_for(self.size.width)
        table.clear(columns=True)
        for column in columns:
            table.add_column(words(column.heading), width=column.width)
        for row in self.page.rows:
            table.add_row(*(column.cell(row, self.look.now) for column in columns))
        names = [row.id for row in self.page.rows]
        table.move_cursor(row=names.index(chosen) if chosen in names else 0)

    def _chosen(self) -> str | None:
        place = self.query_one(DataTable).cursor_row
        return self.page.rows[place].id if 0 <= place < len(self.page.rows) else None

    @on(Input.Changed, "#search")
    def first_page(self) -> None:
        """Begin with the first page of what fits."""
        self.number = 1

    def action_filter(self) -> None:
        """Show accounts of one state, the next one that there are any of; after the last, all."""
        there = ["", *(attention.name for attention, _ in self.page.counts)]
        place = there.index(self.wanted) if self.wanted in there else 0
        self.wanted, self.number = there[(place + 1) % len(there)], 1
        self.draw()

    def action_page(self, step: int) -> None:
        """Go to another page."""
        self.number = min(max(1, self.number + step), self.page.pages)
        self.draw()

    def action_open(self) -> None:
        """Open the account under the cursor."""
        name = self._chosen()
        if name is not None:
            self.app.push_screen(AccountScreen(self.observed, name))

    @on(DataTable.RowSelected)
    def row_selected(self) -> None:
        """Open the account that was chosen, by Enter or a click."""
        self.action_open()


class AccountScreen(Looking):
    """One account: how it stands, what it holds and why, its unwinds, what waits and what happened last."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,backspace", "leave", "Back", show=True)]

    def __init__(self, observed: Observed, account: str) -> None:
        super().__init__(observed)
        self.account = account
        self.look: AccountLook | None = None
        self.problem: str | None = None

    def compose(self) -> ComposeResult:
        """Put the screen together."""
        yield Static(words(self.account, "bold"), id="said")
        yield Static(id="halt")
        yield Static(id="problem")
        yield Input(placeholder="a symbol, a category, a reason", id="search")
        yield DataTable(cursor_type="row", zebra_stripes=False)
        with VerticalScroll(id="below"):
            yield Static(id="rest")
        yield Footer()

    def read(self) -> None:
        """Look at the account."""
        look, problem = None, None
        try:
            look = look_at_one(self.observed, self.account)
        except UNREADABLE as error:
            problem = str(error)
        finally:
            self.is_reading = False
        self.app.call_from_thread(self.show, look, problem)

    def show(self, look: AccountLook | None, problem: str | None) -> None:
        """Show what was seen; where it could not be looked at, why, above what was seen before."""
        self.look, self.problem = look or self.look, problem
        self.draw()

    def draw(self) -> None:
        """Draw what is known; the cursor stays where it is."""
        self.tell("problem", None if self.problem is None else words(f"cannot be read: {self.problem}", "bold red"))
        look = self.look
        if look is None:
            return
        search = self.searched.casefold().split()
        positions = [line for line in look.positions if line.answers(search)]
        said = head_text(look.row, look.now).append("\n")
        self.query_one("#said", Static).update(
            said.append_text(plan_text(look.newest, len(look.positions), len(positions)))
        )
        table = self.query_one(DataTable)
        place = table.cursor_row
        table.clear(columns=True)
        for heading, width in POSITIONS:
            table.add_column(words(heading), width=width)
        for line in positions:
            table.add_row(*position_cells(line))
        table.move_cursor(row=min(place, max(0, len(positions) - 1)))
        unwinds = unwinds_text(look.unwinds, look.now)
        rest = rest_text(look.waiting, look.given_up, look.runs, look.alerts)
        parts = [part for part in (unwinds, rest) if part.plain]
        self.query_one("#rest", Static).update(Text("\n").join(parts))
