"""The SQLite store's schema, and how rows and conditions are put into SQL. No connection here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from ..exchange import FINISHED, IN_FLIGHT, Exchange, Sizes, Split, Summary, parse_id
from .filters import NUMBERS, WORDS, Condition

#: "gway" in ASCII: tells our files from other programs' databases.
APPLICATION_ID: Final = 0x67776179
#: A file of another version is emptied: what it holds is a recording, not a document.
VERSION: Final = 7

#: Columns of the list, in the order of Summary's fields; Sizes and Split are spread out behind them.
_SCALARS: Final = (
    "id",
    "interface",
    "type",
    "state",
    "started_at",
    "duration",
    "method",
    "path",
    "query",
    "status",
    "client",
    "server",
    "pid",
    "route",
    "view",
    "exception",
)
_SIZES: Final = Sizes.__struct_fields__
_SPLIT: Final = tuple(f"split_{name}" for name in Split.__struct_fields__)
COLUMNS: Final = ", ".join((*_SCALARS, *_SIZES, *_SPLIT))
WIDTH: Final = len(_SCALARS) + len(_SIZES) + len(_SPLIT)
#: What else a row has: nobody lists it.
_BESIDES: Final = ("request_id",)

# Two tables: the list scans narrow rows, the records lie elsewhere. ``batch`` counts transactions, which SQLite lets
# happen one after the other whatever process they come from: a reader that asks for later batches misses nothing.
# ``counter`` has the last one, which outlives the exchanges that were written with it.
# ``arrival`` holds what nobody has read yet, whose lowest id is ``first``: see arrivals.
# ``part.position`` is where it lies among the ids of exchanges, and so when it is forgotten.
# ``forgotten`` says which ids were taken away, for those who show them.
# ``vocabulary.last`` is the newest exchange that needs its words.
SCHEMA: Final = f"""
CREATE TABLE exchange (
    id INTEGER PRIMARY KEY,
    {", ".join(_SCALARS[1:])}, {", ".join((*_SIZES, *_SPLIT, *_BESIDES))},
    batch INTEGER NOT NULL
);
CREATE INDEX exchange_batch ON exchange (batch);
CREATE TABLE arrival (
    batch INTEGER PRIMARY KEY, vocabulary INTEGER, first INTEGER NOT NULL, exchanges INTEGER NOT NULL,
    body BLOB NOT NULL
);
CREATE TABLE counter (batch INTEGER NOT NULL);
CREATE INDEX exchange_in_flight ON exchange (id) WHERE state = '{IN_FLIGHT}';
CREATE INDEX exchange_request_id ON exchange (request_id) WHERE request_id IS NOT NULL;
CREATE TABLE part (
    key TEXT, kind TEXT, position INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY (key, kind)
);
CREATE INDEX part_position ON part (position);
CREATE TABLE record (id INTEGER PRIMARY KEY, vocabulary INTEGER, body BLOB NOT NULL);
CREATE TABLE forgotten (number INTEGER PRIMARY KEY, exchange INTEGER NOT NULL, batch INTEGER NOT NULL);
CREATE TABLE vocabulary (key INTEGER PRIMARY KEY, last INTEGER NOT NULL);
CREATE TABLE word (
    vocabulary INTEGER, number INTEGER, body BLOB NOT NULL, PRIMARY KEY (vocabulary, number)
) WITHOUT ROWID;
"""

_EXPRESSIONS: Final = {
    "duration": "duration / 1e6",
    "hops": "crossings",
    "size": "body_bytes",
    "messages": "received + sent",
}


#: What a row has that ended as most do, as SQL says it.
_EVERYDAY: Final = {
    "state": f"'{FINISHED}'",
    "exception": "NULL",
    "received": "0",
    "sent": "0",
    "dropped": "0",
    "split_process": "0",
}

#: Interface, type, server, process, and whether there are request ids.
Shared = tuple[str, str, str | None, int, bool]


def insert(rows: int) -> str:
    """One statement for many rows: one call into SQLite, so the interpreter's lock is let go once, not once a row."""
    columns = (COLUMNS, *_BESIDES)
    width = WIDTH + len(_BESIDES)
    row = f"({', '.join('?' * width)}, ?1)"
    first = f"(?2{', ?' * (width - 1)}, ?1)"
    values = ", ".join([first] + [row] * (rows - 1))
    return f"INSERT OR REPLACE INTO exchange ({', '.join(columns)}, batch) VALUES {values}"


def insert_everyday(rows: int, *, named: bool) -> str:
    """As ``insert``, for what ``everyday`` makes; ``?2`` to ``?5`` are what the rows share."""
    shared = {"interface": "?2", "type": "?3", "server": "?4", "pid": "?5"}
    fixed = {**_EVERYDAY, **shared} if named else {**_EVERYDAY, **shared, "request_id": "NULL"}
    columns = (*_SCALARS, *_SIZES, *_SPLIT, *_BESIDES)
    row = ", ".join(fixed.get(column, "?") for column in columns[1:])
    values = ", ".join(["(?6, " + row + ", ?1)"] + ["(?, " + row + ", ?1)"] * (rows - 1))
    return f"INSERT OR REPLACE INTO exchange ({', '.join(columns)}, batch) VALUES {values}"


def insert_records(rows: int) -> str:
    row = "(?, ?1, ?)"
    first = "(?2, ?1, ?3)"
    return f"INSERT OR REPLACE INTO record (id, vocabulary, body) VALUES {', '.join([first] + [row] * (rows - 1))}"


def values(exchange: Exchange) -> tuple[Any, ...]:
    """One row's values, in the order of COLUMNS and of what else a row has."""
    match = exchange.match
    failure = exchange.failure
    sizes = exchange.sizes
    split = exchange.split
    ended = exchange.ended
    return (
        exchange.id,
        exchange.interface,
        exchange.type,
        exchange.state,
        exchange.started_at,
        None if ended is None else ended - exchange.started,
        exchange.method,
        exchange.path,
        exchange.query,
        exchange.status,
        exchange.client,
        exchange.server.name,
        exchange.server.pid,
        match.route if match is not None else None,
        match.view if match is not None else None,
        failure.type if failure is not None else None,
        sizes.request_bytes,
        sizes.body_bytes,
        sizes.chunks,
        sizes.received,
        sizes.sent,
        sizes.crossings,
        sizes.dropped,
        split.interface,
        split.middleware,
        split.view,
        split.body,
        split.process,
        exchange.request_id,
    )


def everyday(exchange: Exchange) -> tuple[tuple[Any, ...], Shared] | None:
    """What is a row's own and what it shares with others, where most of it is as always; None for another.

    Binding a value costs SQLite and Python's module more than writing it, above all None.
    """
    sizes, split, ended = exchange.sizes, exchange.split, exchange.ended
    if exchange.failure is not None or exchange.state != FINISHED or ended is None:
        return None
    if sizes.received or sizes.sent or sizes.dropped or split.process:
        return None
    match, request_id = exchange.match, exchange.request_id
    own = (
        exchange.id,
        exchange.started_at,
        ended - exchange.started,
        exchange.method,
        exchange.path,
        exchange.query,
        exchange.status,
        exchange.client,
        match.route if match is not None else None,
        match.view if match is not None else None,
        sizes.request_bytes,
        sizes.body_bytes,
        sizes.chunks,
        sizes.crossings,
        split.interface,
        split.middleware,
        split.view,
        split.body,
    )
    server = exchange.server
    shared = (exchange.interface, exchange.type, server.name, server.pid, request_id is not None)
    return own if request_id is None else (*own, request_id), shared


def pack(exchange: Exchange) -> tuple[tuple[Any, ...], Shared | None]:
    """The row as ``rows.insert`` takes it: see ``everyday``, and ``values`` for what is shared with none."""
    return everyday(exchange) or (values(exchange), None)


def summary(row: Sequence[Any]) -> Summary:
    scalars = len(_SCALARS)
    sizes = scalars + len(_SIZES)
    return Summary(
        *row[:scalars],  # type: ignore[call-arg]
        Sizes(*row[scalars:sizes]),
        Split(*row[sizes:WIDTH]),
    )


def where(conditions: Sequence[Condition]) -> tuple[str, list[Any]]:
    """An SQL condition with placeholders, and their values. Field names come from the parser's fixed list."""
    parts: list[str] = []
    parameters: list[Any] = []
    for condition in conditions:
        expression, found = _expression(condition)
        # NULL is "not known": it matches nothing, and so everything that is negated. Where nothing is negated, SQLite
        # takes it for false by itself, and in half the time; and of an id it knows where it is.
        parts.append(f"NOT COALESCE({expression}, 0)" if condition.negated else expression)
        parameters += found
    return " AND ".join(parts) or "1", parameters


def _expression(condition: Condition) -> tuple[str, list[Any]]:
    field = condition.field
    if field == "id":
        return "id = ?", [parse_id(condition.text)]
    if field == "state" and condition.text.lower() == IN_FLIGHT:
        # Word for word as in the partial index, or SQLite does not see that it may use it.
        return f"state = '{IN_FLIGHT}'", []
    if field in WORDS:
        return f"{field} = ? COLLATE NOCASE", [condition.text]
    if field not in NUMBERS:
        escaped = condition.text.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
        return f"{field} LIKE ? ESCAPE '\\'", [f"%{escaped}%"]
    column = _EXPRESSIONS.get(field, field)
    bounds, parameters = [], []
    equal = "" if condition.strict else "="
    if condition.low is not None:
        bounds.append(f"{column} >{equal} ?")
        parameters.append(condition.low)
    if condition.high is not None:
        bounds.append(f"{column} <{equal} ?")
        parameters.append(condition.high)
    return f"({' AND '.join(bounds)})", parameters
