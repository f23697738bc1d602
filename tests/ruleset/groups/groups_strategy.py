"""Groups of accounts as Hypothesis makes them: spot and contracts of few assets, on steps that do not meet."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from hypothesis import strategies as st

from exitplan.ruleset.groups.group_policy import GroupCap, GroupPolicy, PairRule
from exitplan.ruleset.groups.holdings import Member
from exitplan.ruleset.model.snapshot import Market, Position, Snapshot
from tests.builders import Given, market, position, record
from tests.ruleset.groups.group_builders import account, group_policy, member

_STEPS = ("0.001", "0.01", "0.0003", "0.1", "1")
_KINDS = {"spot": "{}/USD", "linear": "{}/USD:USD", "other": "{}/USDT:USDT"}
LEGACY: Given = {"id": "legacy", "rule": 3, "when": {"category": "LEGACY_NON_COMPLIANT"}, "action": "close"}
_POLICIES: tuple[Mapping[str, Given], ...] = (
    {},
    {"exits": [LEGACY]},
    {"protect": [{"asset": "BTC", "reason": "mine"}]},
    {"max_positions": 1},
)


@st.composite
def _positions(draw: st.DrawFn) -> list[tuple[Position, Market, bool]]:
    kinds = draw(st.lists(st.tuples(st.sampled_from(("BTC", "ETH")), st.sampled_from(sorted(_KINDS))), max_size=3))
    made = []
    for asset, kind in dict.fromkeys(kinds):
        symbol = _KINDS[kind].format(asset)
        quantity = draw(st.integers(1, 3000).map(lambda number: Decimal(number) / 1000))
        size = Decimal(1) if kind == "spot" else draw(st.sampled_from((Decimal(1), Decimal("0.01"), Decimal("0.5"))))
        short = kind != "spot" and draw(st.booleans() | st.just(True))
        held = position(
            symbol,
            str(quantity / size),
            side="short" if short else "long",
            contract_size=str(size),
            locked=draw(st.sampled_from(("0", "0", "0", str(quantity / size / 2)))),
        )
        listed = market(
            draw(st.sampled_from((1000, 1000, 1000, None))),
            step=draw(st.sampled_from(_STEPS)),
            min_amount="0.0001",
            min_notional=draw(st.sampled_from((1, 10))),
            active=draw(st.sampled_from((True, True, True, False))),
            price_status=draw(st.sampled_from(("ok", "ok", "ok", "unavailable"))),
        )
        made.append((held, listed, draw(st.booleans())))
    return made


@st.composite
def accounts(draw: st.DrawFn, name: str) -> Snapshot:
    made = draw(_positions())
    return account(
        name,
        *(held for held, _, _ in made),
        markets={held.symbol: listed for held, listed, _ in made},
        tracked={held.symbol: record() for held, _, is_tracked in made if is_tracked},
        rates={"USDT": 1},
    )


@st.composite
def groups(draw: st.DrawFn) -> Mapping[str, Member]:
    names = ("a", "b", "c")[: draw(st.integers(2, 3))]
    return {name: member(draw(accounts(name)), **draw(st.sampled_from(_POLICIES))) for name in names}


@st.composite
def policies(draw: st.DrawFn) -> GroupPolicy:
    return group_policy(
        hedged=draw(st.sampled_from(("close_together", "close_together", "keep", "alone"))),
        pairs=PairRule(min_ratio=draw(st.sampled_from((Decimal("0.01"), Decimal("0.5"), Decimal(1))))),
        cap=GroupCap(draw(st.sampled_from((None, 0, 1, 2))), draw(st.sampled_from((1, 2)))),
        dust_value=draw(st.sampled_from((None, Decimal(50), Decimal(800)))),
    )
