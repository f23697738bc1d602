"""The accounts of a fleet as rows: which there are, under which policy, in which shard, and which are set aside."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from exitplan.fleet.pausing import PAUSES_WITH
from exitplan.fleet.platform_alerts import raise_for
from exitplan.fleet.policies import policy_of, policy_text, read_canonical
from exitplan.fleet.sharding import USUAL_SIZE, Lane, Member, Moves, Sizes, assign, rebalance
from exitplan.ruleset.errors import NoSuchAccount
from exitplan.ruleset.language.problems import nearest
from exitplan.schemas.policies import LoadedPolicy

if TYPE_CHECKING:
    from psycopg import Connection

Row = tuple[Any, ...]
MOST_TRIES = 2
"""An account in whose hand a process died or hung that often is set aside."""
_COLUMNS = (
    "account, venue, quote, block::text, policy, tags, egress, shard, standing, tries, own_guards, why, heads::text"
)
_RUNS = """standing = 'active'
    AND NOT EXISTS (SELECT FROM exitplan.drains WHERE kind = 'venue' AND name = a.venue)
    AND NOT EXISTS (SELECT FROM exitplan.drains WHERE kind = 'shard' AND name = a.shard::text)"""


@dataclass(frozen=True, slots=True)
class FleetAccount:
    """An account of the registry; ``why`` says why it is set aside or drained.

    ``own_guards`` are the guards that stay under another policy, ``heads`` name and description of its file. One that
    pauses between tries, where that was asked, has the exit code of its last failure as ``pauses_with``.
    """

    id: str
    venue: str
    quote: str
    block: Mapping[str, Any]
    policy_sha256: str
    tags: tuple[str, ...] = ()
    egress: str = ""
    shard: int | None = None
    standing: str = "active"
    tries: int = 0
    own_guards: tuple[str, ...] = ()
    why: str | None = None
    heads: Mapping[str, str] | None = None
    pauses_with: int | None = None


@dataclass(frozen=True, slots=True)
class AccountFilter:
    """Which accounts are wanted; what is None or empty makes no difference."""

    venue: str | None = None
    tag: str | None = None
    policy: str | None = None
    standing: str | None = None
    shard: int | None = None
    egress: str | None = None
    ids: tuple[str, ...] = ()

    def condition(self) -> tuple[str, list[object]]:
        """Return it as SQL on ``exitplan.accounts``, with its values."""
        parts: dict[str, object] = {
            "venue = %s": self.venue,
            "%s = ANY (tags)": self.tag,
            "starts_with(policy, %s)": self.policy,
            "standing = %s": self.standing,
            "shard = %s": self.shard,
            "egress = %s": self.egress,
            "account = ANY (%s)": list(self.ids) or None,
        }
        wanted = {part: value for part, value in parts.items() if value is not None}
        return " AND ".join(wanted) or "true", list(wanted.values())


class Connections(Protocol):
    """Where connections to the fleet's database come from."""

    def connection(self) -> AbstractContextManager[Connection[Row]]:
        """Lend a connection for the time of the block."""
        ...


class Registry:
    """The registry in a database that has the tables of a fleet; every method is one transaction."""

    def __init__(self, connections: Connections) -> None:
        """Use these connections."""
        self.connections = connections

    @contextmanager
    def transaction(self) -> Iterator[Connection[Row]]:
        """Run a block as one transaction."""
        with self.connections.connection() as connection, connection.transaction():
            yield connection

    # --- accounts ---

    def account(self, name: str) -> FleetAccount:
        """Return one account; raises NoSuchAccount, with the nearest id that there is."""
        with self.transaction() as connection:
            row = connection.execute(f"SELECT {_COLUMNS} FROM exitplan.accounts WHERE account = %s", [name]).fetchone()  # noqa: S608 - names of columns
            if row is None:
                raise self.missing(connection, name)
        return account_of(row)

    def find(self, wanted: AccountFilter = AccountFilter(), *, limit: int | None = None) -> list[FleetAccount]:
        """List accounts by id."""
        condition, values = wanted.condition()
        query = f"SELECT {_COLUMNS} FROM exitplan.accounts WHERE {condition} ORDER BY account LIMIT %s"  # noqa: S608 - as above
        with self.transaction() as connection:
            return [account_of(row) for row in connection.execute(query, [*values, limit])]

    def count(self, wanted: AccountFilter = AccountFilter()) -> int:
        """Count accounts."""
        condition, values = wanted.condition()
        with self.transaction() as connection:
            query = f"SELECT count(*) FROM exitplan.accounts WHERE {condition}"  # noqa: S608 - as above
            return int(next(connection.execute(query, values))[0])

    def accounts_of(self, shard: int) -> list[FleetAccount]:
        """List the accounts of a shard that get a cycle, by id: none that is set aside or drained; some may pause."""
        columns = f"{_COLUMNS}, {PAUSES_WITH}"
        query = f"SELECT {columns} FROM exitplan.accounts a WHERE shard = %s AND {_RUNS} ORDER BY account"  # noqa: S608 - as above
        with self.transaction() as connection:
            rows = connection.execute(query, [shard]).fetchall()
        return [replace(account_of(row), pauses_with=pauses_with) for *row, pauses_with in rows]

    @staticmethod
    def missing(connection: Connection[Row], name: str) -> NoSuchAccount:
        """Make the error that an account is not there, with the nearest id that is."""
        query = "SELECT account FROM exitplan.accounts WHERE left(lower(account), 1) = left(lower(%s), 1) LIMIT 10000"
        near = nearest(name, [str(account) for (account,) in connection.execute(query, [name])])
        hint = f"did you mean {near!r}?" if near else "exitplan fleet accounts lists them"
        return NoSuchAccount(f"the fleet has no account {name!r}", hint=hint)

    # --- standing ---

    def count_try(self, account: str, why: str, death: str) -> int:
        """Count that a process died or hung with an account in hand; returns how often now. At the most it is dead.

        ``death`` names which one it was: told again, because the answer was lost, it counts once. With the last try
        the alert that the account is set aside is raised.
        """
        query = (
            "UPDATE exitplan.accounts SET tries = tries + 1, why = %s, death = %s, changed_at = now(),"
            " standing = CASE WHEN tries + 1 >= %s THEN 'dead' ELSE standing END"
            " WHERE account = %s AND death IS DISTINCT FROM %s RETURNING tries, now()"
        )
        with self.transaction() as connection:
            row = connection.execute(query, [why, death, MOST_TRIES, account, death]).fetchone()
            if row is None:
                known = "SELECT tries FROM exitplan.accounts WHERE account = %s"
                row = connection.execute(known, [account]).fetchone()
            elif row[0] >= MOST_TRIES:
                figures = {"reason": why, "tries": int(row[0])}
                raise_for(connection, account, "ACCOUNT_SET_ASIDE", row[1], figures)
        return 0 if row is None else int(row[0])

    def clear_tries(self, accounts: Sequence[str]) -> None:
        """Forget the tries of accounts that went through."""
        query = "UPDATE exitplan.accounts SET tries = 0, why = NULL WHERE account = ANY (%s) AND tries > 0"
        with self.transaction() as connection:
            connection.execute(query + " AND standing = 'active'", [list(accounts)])

    def set_aside(self, account: str, why: str) -> None:
        """Give an account no more cycles until it is revived: the shard goes on without it."""
        query = "UPDATE exitplan.accounts SET standing = 'dead', why = %s, changed_at = now() WHERE account = %s"
        with self.transaction() as connection:
            connection.execute(query, [why, account])

    def revive(self, account: str) -> bool:
        """Let an account that was set aside have cycles again; False where it was not. Raises NoSuchAccount."""
        query = (
            "UPDATE exitplan.accounts SET standing = 'active', tries = 0, why = NULL, changed_at = now()"
            " WHERE account = %s AND standing = 'dead'"
        )
        with self.transaction() as connection:
            if connection.execute(query, [account]).rowcount:
                return True
        self.account(account)
        return False

    def drain_account(self, account: str, why: str, *, undo: bool = False) -> bool:
        """Give an account no new cycle, or again; False where nothing changed. Raises NoSuchAccount.

        One that is set aside stays so.
        """
        before, after = ("drained", "active") if undo else ("active", "drained")
        query = (
            "UPDATE exitplan.accounts SET standing = %s, why = %s, changed_at = now()"
            " WHERE account = %s AND standing = %s"
        )
        with self.transaction() as connection:
            if connection.execute(query, [after, None if undo else why, account, before]).rowcount:
                return True
        self.account(account)
        return False

    # --- policies ---

    def policy(self, sha256: str) -> LoadedPolicy:
        """Return the policy with a hash, loaded once per process; raises FileIsInvalid where it is not there."""
        return policy_of(sha256, self._document)

    def _document(self, sha256: str) -> bytes | None:
        with self.transaction() as connection:
            query = "SELECT document FROM exitplan.policies WHERE sha256 = %s"
            row = connection.execute(query, [sha256]).fetchone()
        return None if row is None else bytes(row[0])

    def add_policy(self, loaded: LoadedPolicy) -> str:
        """Store a merged policy unless it is there; returns its hash."""
        with self.transaction() as connection:
            put_policies(connection, [loaded])
        return loaded.policy.sha256

    def move_policy(self, accounts: Sequence[str], sha256: str) -> int:
        """Put accounts under another policy, which must be stored; returns how many were under another one."""
        query = "UPDATE exitplan.accounts SET policy = %s, changed_at = now() WHERE account = ANY (%s) AND policy <> %s"
        with self.transaction() as connection:
            return connection.execute(query, [sha256, list(accounts), sha256]).rowcount

    # --- shards ---

    def shards(self, egress: str | None = None) -> list[int]:
        """List the shards that have accounts to work on, by number; those of one egress where it is named."""
        query = f"SELECT DISTINCT shard FROM exitplan.accounts a WHERE shard IS NOT NULL AND {_RUNS}"  # noqa: S608 - no value is in it
        with self.transaction() as connection:
            rows = connection.execute(query + " AND coalesce(egress = %s, true) ORDER BY shard", [egress])
            return [int(shard) for (shard,) in rows]

    def assign_shards(self, size: int = USUAL_SIZE) -> Moves:
        """Place the accounts that are in no shard of their venue and egress; no other one moves."""
        with self.transaction() as connection:
            return place(connection, Sizes(size))

    def rebalance(self, size: int = USUAL_SIZE, *, dry_run: bool = False) -> Moves:
        """Bring all shards to about one size, with the fewest moves that do."""
        with self.transaction() as connection:
            members, shards = read_members(connection)
            moves = rebalance(members, shards, Sizes(size))
            if not dry_run:
                _write_moves(connection, moves)
            return moves


def account_of(row: Sequence[Any]) -> FleetAccount:
    """Read an account from a row of its columns."""
    account, venue, quote, block, policy, tags, egress, shard, standing, tries, own_guards, why, heads = row
    return FleetAccount(
        account,
        venue,
        quote,
        read_canonical(block),
        policy,
        tuple(tags),
        egress,
        shard,
        standing,
        tries,
        tuple(own_guards),
        why,
        read_canonical(heads),
    )


def put_policies(connection: Connection[Row], policies: Iterable[LoadedPolicy]) -> None:
    """Store policies that are not there yet."""
    query = "INSERT INTO exitplan.policies (sha256, name, document) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING"
    rows = {one.policy.sha256: (one.policy.sha256, one.policy.name, policy_text(one.document)) for one in policies}
    with connection.cursor() as cursor:
        cursor.executemany(query, [rows[sha256] for sha256 in sorted(rows)])


def place(connection: Connection[Row], sizes: Sizes) -> Moves:
    """Place the accounts that are in no shard of their lane, within a transaction."""
    members, shards = read_members(connection)
    moves = assign(members, shards, sizes)
    _write_moves(connection, moves)
    return moves


def read_members(connection: Connection[Row]) -> tuple[list[Member], dict[int, Lane]]:
    """Return all accounts with their shards, and the shards; nobody else places any until the transaction ends."""
    connection.execute("LOCK TABLE exitplan.shards IN SHARE ROW EXCLUSIVE MODE")
    rows = connection.execute("SELECT shard, venue, egress FROM exitplan.shards")
    shards = {int(shard): Lane(venue, egress) for shard, venue, egress in rows}
    rows = connection.execute("SELECT account, venue, egress, shard FROM exitplan.accounts")
    return [Member(account, Lane(venue, egress), shard) for account, venue, egress, shard in rows], shards


def _write_moves(connection: Connection[Row], moves: Moves) -> None:
    lanes = list(moves.opened.items())
    connection.execute(
        "INSERT INTO exitplan.shards SELECT * FROM unnest(%s::int[], %s::text[], %s::text[])",
        [[number for number, _ in lanes], [lane.venue for _, lane in lanes], [lane.egress for _, lane in lanes]],
    )
    connection.execute(
        "UPDATE exitplan.accounts a SET shard = moved.shard"
        " FROM unnest(%s::text[], %s::int[]) AS moved (account, shard) WHERE a.account = moved.account",
        [list(moves.placed), list(moves.placed.values())],
    )
