"""Laws of shards: who is added moves nobody, sizes stay in their limits, and rebalancing moves no more than it must."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from exitplan.fleet.sharding import Lane, Member, Moves, Sizes, assign, rebalance
from tests.conftest import examples

LANES = [Lane(venue, egress) for venue, egress in product(("binance", "kraken"), ("", "eu-1"))]
SIZES = Sizes(6)
"""Four to eight accounts a shard: small enough to try all that can happen."""
accounts = st.text("abcdefgh", min_size=1, max_size=3)
fleets = st.dictionaries(accounts, st.sampled_from(LANES), max_size=60)


@st.composite
def sharded(draw: st.DrawFn) -> tuple[list[Member], dict[int, Lane]]:
    """A fleet as years may have left it: shards too large, too small and empty, accounts in the wrong one."""
    shards = draw(st.dictionaries(st.integers(1, 12), st.sampled_from(LANES), max_size=8))
    wheres = st.sampled_from([None, *shards])
    return [Member(name, lane, draw(wheres)) for name, lane in draw(fleets).items()], shards


def settled(members: list[Member], shards: dict[int, Lane], moves: Moves) -> tuple[list[Member], dict[int, Lane]]:
    placed = [replace(member, shard=moves.placed.get(member.account, member.shard)) for member in members]
    return placed, {**shards, **moves.opened}


@given(sharded())
def test_every_account_is_in_a_shard_of_its_lane(fleet: tuple[list[Member], dict[int, Lane]]) -> None:
    for place in (assign, rebalance):
        members, shards = settled(*fleet, place(*fleet, SIZES))
        assert all(member.shard is not None and shards[member.shard] == member.lane for member in members)


@given(sharded(), fleets)
def test_adding_accounts_moves_no_other_and_fills_no_shard_above_its_size(
    fleet: tuple[list[Member], dict[int, Lane]], more: dict[str, Lane]
) -> None:
    members, shards = settled(*fleet, assign(*fleet, SIZES))
    before = Counter(member.shard for member in members)
    known = {member.account for member in members}
    grown = [*members, *(Member(name, lane) for name, lane in more.items() if name not in known)]
    moves = assign(grown, shards, SIZES)
    assert not known & moves.placed.keys()
    after = Counter(member.shard for member in settled(grown, shards, moves)[0])
    assert all(count <= max(SIZES.usual, before[number]) for number, count in after.items())


@given(sharded())
def test_rebalanced_shards_are_of_one_size_or_so_and_stay_as_they_are(
    fleet: tuple[list[Member], dict[int, Lane]],
) -> None:
    members, shards = settled(*fleet, rebalance(*fleet, SIZES))
    totals = Counter(member.lane for member in members)
    for number, count in Counter(member.shard for member in members).items():
        assert number is not None
        assert min(SIZES.least, totals[shards[number]]) <= count <= SIZES.most
    assert rebalance(members, shards, SIZES) == Moves()


@examples(50)
@given(st.lists(st.integers(0, 11), max_size=6), st.integers(0, 12))
def test_rebalancing_moves_no_more_than_any_other_way_would(counts: list[int], homeless: int) -> None:
    lane = LANES[0]
    members = [
        Member(f"{number}-{at:02}", lane, number) for number, count in enumerate(counts, 1) for at in range(count)
    ]
    members += [Member(f"new-{at:02}", lane) for at in range(homeless)]
    moves = rebalance(members, dict.fromkeys(range(1, len(counts) + 1), lane), SIZES)
    assert len(moves.placed) == fewest_moves(counts, homeless)


def fewest_moves(counts: list[int], homeless: int) -> int:
    """Try every number of accounts in every shard, opened ones too."""
    total = sum(counts) + homeless
    least = min(SIZES.least, total)
    allowed = [0, *range(max(1, least), SIZES.most + 1)]
    best = {0: 0}  # accounts placed so far -> fewest that came into the shards
    for count in [*counts, *[0] * (total // max(1, least) + 1)]:
        step: dict[int, int] = {}
        for placed, came in best.items():
            for size in allowed:
                if placed + size <= total:
                    step[placed + size] = min(step.get(placed + size, total), came + max(0, size - count))
        best = step
    return best[total]


@given(fleets)
def test_the_order_of_the_accounts_makes_no_difference(fleet: dict[str, Lane]) -> None:
    members = [Member(name, lane) for name, lane in fleet.items()]
    assert assign(members, {}, SIZES) == assign(members[::-1], {}, SIZES)
    assert rebalance(members, {}, SIZES) == rebalance(members[::-1], {}, SIZES)


def test_ten_thousand_accounts_make_shards_of_a_hundred_and_fifty() -> None:
    moves = assign([Member(f"u{number}", LANES[number % 2]) for number in range(10_000)], {})
    sizes = Counter(moves.placed.values())
    assert len(sizes) == 68
    assert sorted(sizes.values())[:2] == [50, 50]
    assert set(sizes.values()) == {50, 150}
