"""The options of a paper account: the ``options`` block of an account file whose venue is ``paper``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from decimal import Context, Decimal, localcontext
from typing import Any, Literal

from exitplan.brokers.protocol import LookUpTier
from exitplan.ruleset.errors import FileIsInvalid
from exitplan.ruleset.language.problems import Path, Problem, did_you_mean
from exitplan.ruleset.model.values import ZERO, parse_decimal, plain, unified_symbol

Reader = Callable[[object], object]
_DIGITS = Context(prec=28)
MOST_IMPACT = Decimal("0.99")
"""No order is filled worse than by this share, however large it is."""
ImpactModel = Literal["linear", "square_root"]


AT_ONCE = 8
"""Orders, or cancels, that are sent in one go, as most venues take them: all of them are one write to the disk."""


@dataclass(frozen=True, slots=True)
class Impact:
    """How much the size of an order worsens its price: one worth ``value`` by ``share``, others as ``model`` says.

    ``value`` is in the market's quote. It is temporary: the next order finds the price as if this one had not been.
    """

    model: ImpactModel
    share: Decimal
    value: Decimal

    def of(self, value: Decimal) -> Decimal:
        """Return the share by which an order worth ``value`` is filled worse; never all of the price."""
        with localcontext(_DIGITS):
            size = value / self.value
            return min(self.share * (size if self.model == "linear" else size.sqrt()), MOST_IMPACT)


@dataclass(frozen=True, slots=True)
class PaperOptions:
    """How a paper account behaves; fractions such as 0.001 are 0.1 %.

    * ``file``: the paper account file, beside the account file; ``<account id>.paper.json`` where not given.
    * ``start_from``: a recorded snapshot, or ``demo``, of which the account starts as a copy while ``file``
      is not there.
    * ``taker_fee``, ``maker_fee``: share of a fill's value, paid in the account's quote currency.
    * ``spread``: between bid and ask, as a share of the last price, where the market names no bid or ask.
    * ``slippage``: how much worse than bid or ask an order that takes is filled.
    * ``impact``: how much worse yet by its size: {model: linear or square_root, share, value}, where an order worth
      ``value``, in the market's quote, is filled worse by ``share``.
    * ``depth``: units that an order finds at one price; one number, or one a symbol. Not given: no limit.
    * ``client_order_ids``: look-up tier A, B or C that the account plays.
    * ``unique_client_order_ids``: ``open`` refuses an id that an open order carries, ``ever`` any id seen
      before.
    * ``fee_asset``: the coin that fees are taken from, such as BNB, while there is enough of it.
    * ``hedge_mode``: true plays a venue where both sides of a contract may be held.
    * ``reduce_only``, ``stop_market``, ``stop_limit``, ``convert``: false plays a venue without it.
    """

    file: str | None = None
    start_from: str | None = None
    taker_fee: Decimal = Decimal("0.001")
    maker_fee: Decimal = Decimal("0.001")
    spread: Decimal = Decimal("0.001")
    slippage: Decimal = ZERO
    impact: Impact | None = None
    depth: Decimal | Mapping[str, Decimal] | None = field(default=None)
    client_order_ids: LookUpTier = "A"
    unique_client_order_ids: Literal["open", "ever"] = "open"
    reduce_only: bool = True
    stop_market: bool = True
    stop_limit: bool = True
    convert: bool = True
    fee_asset: str | None = None
    hedge_mode: bool = False

    def depth_of(self, symbol: str) -> Decimal | None:
        """Return how many units one order may fill of a symbol at a time; None for no limit."""
        return self.depth.get(symbol) if isinstance(self.depth, Mapping) else self.depth


def read_options(options: Mapping[str, Any]) -> PaperOptions:
    """Read the ``options`` block of a paper account.

    Raises FileIsInvalid with every problem, one a line.
    """
    values, problems = _read(options)
    if problems:
        lines = [f"account.options.{problem.path[-1]}: {problem.message}" for problem in problems]
        hints = [f"; {problem.hint}" if problem.hint else "" for problem in problems]
        raise FileIsInvalid("\n".join(line + hint for line, hint in zip(lines, hints, strict=True)))
    return PaperOptions(**values)


def options_to_document(options: PaperOptions) -> dict[str, Any]:
    """Write options as :func:`read_options` reads them; what is not set is left out."""
    values = {option.name: getattr(options, option.name) for option in fields(PaperOptions)}
    return {name: _as_json(value) for name, value in values.items() if value is not None}


def _as_json(value: object) -> object:
    if isinstance(value, Impact):
        return {entry.name: _as_json(getattr(value, entry.name)) for entry in fields(Impact)}
    if isinstance(value, Mapping):
        return {name: _as_json(entry) for name, entry in value.items()}
    return plain(value) if isinstance(value, Decimal) else value


def option_problems(options: Mapping[str, Any]) -> list[Problem]:
    """List what is wrong in the ``options`` block of a paper account."""
    return _read(options)[1]


def _read(options: Mapping[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
    values: dict[str, Any] = {}
    problems: list[Problem] = []
    known = [option.name for option in fields(PaperOptions)]
    for name, value in options.items():
        path: Path = ("account", "options", name)
        if name not in _READERS:
            hint = did_you_mean(name, known) or f"a paper account has {', '.join(known)}"
            problems.append(Problem(path, f"no such option as {name!r}", hint=hint, on_key=True))
        elif value is not None:
            try:
                values[name] = _READERS[name](value)
            except (ValueError, TypeError) as problem:
                problems.append(Problem(path, str(problem)))
    return values, problems


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise ValueError(f"a text is wanted, found {value!r}")
    return value


def _number(value: object) -> Decimal:
    if isinstance(value, (bool, float)) or not isinstance(value, (int, str, Decimal)):
        raise TypeError(f"a decimal number is wanted, found {value!r}")
    number = parse_decimal(value) if isinstance(value, str) else Decimal(value)
    if not number.is_finite():
        raise ValueError(f"a finite number is wanted, found {value!r}")
    return number


def _fraction(value: object) -> Decimal:
    number = _number(value)
    if not 0 <= number < 1:
        raise ValueError(f"a fraction from 0 to below 1 is wanted (0.001 is 0.1 %), found {value!r}")
    return number


def _positive(value: object) -> Decimal:
    number = _number(value)
    if number <= 0:
        raise ValueError(f"a number above 0 is wanted, found {value!r}")
    return number


def _depth(value: object) -> Decimal | dict[str, Decimal]:
    if isinstance(value, Mapping):
        return {unified_symbol(_text(symbol)): _positive(units) for symbol, units in value.items()}
    return _positive(value)


def _impact(value: object) -> Impact:
    if not isinstance(value, Mapping) or value.keys() != {entry.name for entry in fields(Impact)}:
        raise TypeError(f"{{model, share, value}} is wanted, found {value!r}")
    is_linear = _one_of("linear", "square_root")(value["model"]) == "linear"
    share, worth = _fraction(value["share"]), _positive(value["value"])
    return Impact("linear" if is_linear else "square_root", share, worth)


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"true or false is wanted, found {value!r}")
    return value


def _one_of(*allowed: str) -> Callable[[object], str]:
    def read(value: object) -> str:
        if value not in allowed:
            raise ValueError(f"one of {', '.join(allowed)} is wanted, found {value!r}")
        return str(value)

    return read


_READERS: Mapping[str, Reader] = {
    "file": _text,
    "start_from": _text,
    "taker_fee": _fraction,
    "maker_fee": _fraction,
    "spread": _fraction,
    "slippage": _fraction,
    "impact": _impact,
    "depth": _depth,
    "client_order_ids": _one_of("A", "B", "C"),
    "unique_client_order_ids": _one_of("open", "ever"),
    "reduce_only": _flag,
    "stop_market": _flag,
    "stop_limit": _flag,
    "convert": _flag,
    "fee_asset": _text,
    "hedge_mode": _flag,
}
