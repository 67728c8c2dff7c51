"""The SQLite index that only `/ingest` writes."""

import contextlib
import sqlite3

from corpus import settings


def create():
    """Makes it, with some rows. Done once, with the image."""
    with contextlib.closing(sqlite3.connect(settings.INDEX)) as index, index:
        index.execute("create table items (id integer primary key, name text, vector text)")
    add([(f"item {number}", "[0.5, 0.25, 0.125]") for number in range(100)])


def add(rows):
    """Adds rows of name and vector; how many there are then."""
    with contextlib.closing(sqlite3.connect(settings.INDEX, timeout=5)) as index:
        with index:
            index.executemany("insert into items (name, vector) values (?, ?)", rows)
        return index.execute("select count(*) from items").fetchone()[0]
