"""SQL over the store, with DuckDB (`pip install 'isomargin[sql]'`): `sql`, exported as `backtest.sql`, and `connect`.

A query reads and nothing else: it may be any SELECT, sees the views of views.py and no other file, and cannot write.
`connect` gives a notebook a DuckDB connection with the same views and without those bounds. Times are UTC.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from backtest.errors import BacktestError, MarketDataError, UsageError, near
from backtest.market.store import Store
from backtest.market.views import VIEWS, views

if TYPE_CHECKING:
    import duckdb
    import pandas as pd
    import pyarrow as pa

BATCH_ROWS = 100_000


def sql(query: str, *, store: Store | Path | str | None = None) -> pd.DataFrame:
    """The rows of a query over a store (the workspace's own unless given) as a table.

    sql("select symbol, count(*) as bars from ohlcv group by symbol")
    """
    reader = select(_place(store), query)
    try:
        frame: pd.DataFrame = reader.read_all().to_pandas()
    except Exception as error:
        told = explained(error)
        if told is None:
            raise
        raise told from error
    return frame


def connect(store: Store | Path | str | None = None) -> duckdb.DuckDBPyConnection:
    """A connection of one's own to the views of a store, as it is now; a month stored later shows in the next one."""
    place = _place(store)
    connection: duckdb.DuckDBPyConnection = _duckdb().connect()
    connection.execute("SET TimeZone = 'UTC'")
    found = views(place)
    for name, query in found.queries.items():
        connection.execute(f'CREATE VIEW "{name}" AS {query}')
    for name, table in found.tables.items():
        connection.register(f"{name}_rows", table)
        connection.execute(f'CREATE TABLE "{name}" AS SELECT * REPLACE (time::TIMESTAMPTZ AS time) FROM {name}_rows')
        connection.unregister(f"{name}_rows")
    return connection


def select(store: Store, query: str) -> pa.RecordBatchReader:
    """The rows of a query, as they are worked out; raises `UsageError` for what is no sound SELECT."""
    duckdb = _duckdb()
    try:
        connection = connect(store)
        statements = connection.extract_statements(query)
        if len(statements) != 1 or statements[0].type not in (
            duckdb.StatementType.SELECT,
            duckdb.StatementType.EXPLAIN,
        ):
            raise UsageError("a query is one SELECT; the store is changed with `backtest data import` and `fetch` only")
        root = str(store.root.resolve()).replace("'", "''")
        connection.execute(f"SET allowed_directories = ['{root}']")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        return connection.sql(query).to_arrow_reader(BATCH_ROWS)
    except duckdb.Error as error:
        raise _explained(duckdb, error) from error


def explained(error: Exception) -> BacktestError | None:
    """What a failure while rows were read means; None for one that is not DuckDB's."""
    duckdb = _duckdb()
    return _explained(duckdb, error) if isinstance(error, duckdb.Error) else None


def _explained(duckdb: Any, error: Exception) -> BacktestError:
    lines = [line.strip() for line in str(error).splitlines()]
    end = next((row for row, line in enumerate(lines) if line.startswith("LINE ")), len(lines))
    said = " ".join(line for line in lines[:end] if line)
    if isinstance(error, duckdb.PermissionException):
        return UsageError(f"{said}; a query sees the stored series only: {_known()}")
    if isinstance(error, duckdb.IOException | duckdb.InvalidInputException) and ".parquet" in said:
        return MarketDataError(f"{said}; `backtest data check` says which files are damaged")
    if isinstance(error, duckdb.CatalogException) and "Table with name" in said:
        name = said.partition("Table with name")[2].split()[0].strip('"')
        return UsageError(f"there is no view '{name}'; {near(name, VIEWS)}there are {_known()}")
    return UsageError(f"the query cannot be run: {said}")


def _known() -> str:
    return ", ".join(VIEWS)


def _duckdb() -> Any:
    try:
        import duckdb
    except ModuleNotFoundError as error:
        raise UsageError("SQL over the store needs DuckDB; install it with: pip install 'isomargin[sql]'") from error
    return duckdb


def _place(store: Store | Path | str | None) -> Store:
    if store is None:
        return Store.of_workspace()
    return store if isinstance(store, Store) else Store(root=Path(store))
