"""A database of its own for each test, and a look into it."""

import contextlib
import urllib.parse
from typing import Any, Dict, Iterator, List, Sequence, Tuple

import psycopg2
import psycopg2.extensions
import psycopg2.sql

CONNECT_TIMEOUT_S = 10


class Database:
    """Made empty; dropped with everything that still uses it."""

    def __init__(self, server_url: str, name: str):
        self.name = name
        self._server_url = server_url
        parts = urllib.parse.urlsplit(server_url)
        self.url = urllib.parse.urlunsplit(parts._replace(path="/" + name))
        self.on_server("CREATE DATABASE {} TEMPLATE template0")

    def drop(self) -> None:
        self.on_server("DROP DATABASE IF EXISTS {} WITH (FORCE)")

    def on_server(self, statement: str) -> None:
        """About the database, not in it; {} stands for its name."""
        connection = psycopg2.connect(self._server_url, connect_timeout=CONNECT_TIMEOUT_S)
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(psycopg2.sql.SQL(statement).format(psycopg2.sql.Identifier(self.name)))
        finally:
            connection.close()

    @contextlib.contextmanager
    def cursor(self) -> Iterator[psycopg2.extensions.cursor]:
        connection = psycopg2.connect(self.url, connect_timeout=CONNECT_TIMEOUT_S)
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                yield cursor
        finally:
            connection.close()

    def execute(self, statement: str, values: Sequence[Any] = ()) -> None:
        with self.cursor() as cursor:
            cursor.execute(statement, values)

    def rows(self, statement: str, values: Sequence[Any] = ()) -> List[Tuple]:
        with self.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall()

    def value(self, statement: str, values: Sequence[Any] = ()) -> Any:
        return self.rows(statement, values)[0][0]

    def exists(self, table: str) -> bool:
        return self.value("SELECT to_regclass(%s) IS NOT NULL", (table,))

    def count(self, table: str) -> int:
        """0 while the table is not there yet."""
        return self.value(f"SELECT count(*) FROM {table}") if self.exists(table) else 0

    def table(self, table: str, key: Sequence[str], fields: Sequence[str]) -> Dict[Any, Dict[str, Any]]:
        """Rows by key: a plain value for a key of one part, else a tuple."""
        if not self.exists(table):
            return {}
        columns = ", ".join(f'"{name}"' for name in [*key, *fields])
        out = {}
        for row in self.rows(f"SELECT {columns} FROM {table}"):
            parts = row[: len(key)]
            out[parts[0] if len(key) == 1 else parts] = dict(zip(fields, row[len(key) :]))
        return out

    def columns(self, table: str) -> Dict[str, str]:
        schema, name = table.split(".")
        return dict(
            self.rows("SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = %s AND table_name = %s", (schema, name))
        )
