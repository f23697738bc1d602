"""What an asset is called: one name for what venues, markets and people name differently.

A position is an asset, not a market: protection, tracker records, progress and orders belong to the asset, whatever
market they name. A derivative is an asset of its own, named by its symbol.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from exitplan.ruleset.model.snapshot import Position
from exitplan.ruleset.model.values import base_of, is_derivative

USUAL_NAMES: Mapping[str, str] = {"XBT": "BTC", "XDG": "DOGE"}
"""Names that some venues use, with the name everybody else uses."""
MOST_KNOWN = 50_000
"""Symbols whose assets are kept; then they are worked out anew."""


@dataclass(frozen=True, slots=True)
class AssetNames:
    """The names of assets, with a policy's aliases ({old: new}), which are followed to the end.

    ``held_as`` are the assets of positions that name another one than their symbol does.
    """

    aliases: Mapping[str, str] = field(default_factory=dict)
    held_as: Mapping[str, str] = field(default_factory=dict)
    _known: dict[str, str] = field(default_factory=dict, init=False, repr=False, compare=False)

    def of_positions(self, positions: Iterable[Position]) -> AssetNames:
        """Return the names of an account: what a position says of its symbol holds for all that names the symbol."""
        held_as = {position.symbol: position.asset for position in positions if position.asset}
        return AssetNames(self.aliases, held_as) if held_as else self

    def resolve(self, name: str) -> str:
        """Return the name that an asset goes by; a cycle of aliases ends where it began."""
        following = self.aliases.get(name) or USUAL_NAMES.get(name)
        if following is None:  # as it is with nearly every name
            return name
        seen = {name}
        while following not in seen:
            seen.add(following)
            following = self.aliases.get(following) or USUAL_NAMES.get(following, following)
        return following

    def of_symbol(self, symbol: str) -> str:
        """Return the asset that a symbol is about: its base currency, or the symbol itself for a derivative."""
        asset = self._known.get(symbol)
        if asset is None:
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            asset = self._known[symbol] = self._asset_of(symbol)
        return asset

    def _asset_of(self, symbol: str) -> str:
        base = base_of(symbol)
        if is_derivative(symbol):
            return self.resolve(base) + symbol[len(base) :]
        return self.resolve(self.held_as.get(symbol, base))

    def of_position(self, position: Position) -> str:
        """Return the asset of a position: what it says itself, else what its symbol says."""
        if position.asset is None or is_derivative(position.symbol):
            return self.of_symbol(position.symbol)
        return self.resolve(position.asset)


def find_alias_cycle(aliases: Mapping[str, str]) -> tuple[str, ...] | None:
    """Return the names of a cycle of aliases and usual names, in its order; None where there is none."""
    names = {**USUAL_NAMES, **aliases}
    for start in names:
        path = [start]
        while (following := names.get(path[-1])) is not None:
            if following in path:
                return tuple(path[path.index(following) :])
            path.append(following)
    return None
