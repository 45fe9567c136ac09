"""The questions of four panels over 24 hours, asked of DuckDB.

Usage: panels.py EVENTS.parquet DATABASE UNTIL, where UNTIL is the last moment of five minutes, like 2026-03-10 10:04:59.999 in UTC.
Prints one JSON object: bytes of the database a row, and for each question the median time and the rows.
"""

import json
import os
import statistics
import sys
import time

import duckdb

THREADS = 2
MEMORY_LIMIT = "8GB"
RUNS = 5

# As ClickHouse has it: sorted by name and time, ids as what they are, repeated words as numbers, the feature taken out.
LOAD = """
CREATE TABLE events AS
SELECT
    event_name::event_name AS event_name,
    timestamp::TIMESTAMP_MS AS timestamp,
    session_id::UUID AS session_id,
    user_id,
    device_type::device_type AS device_type,
    country_code::country_code AS country_code,
    properties,
    TRY_CAST(event_id AS UUID) AS event_id,
    received_at::TIMESTAMP_MS AS received_at,
    clock_skew_ms,
    feature::feature AS feature
FROM read_parquet(?)
"""

ACTIVE_USERS = """
SELECT strftime(date_trunc('minute', timestamp), '%Y-%m-%dT%H:%M:%SZ') AS key, {distinct} AS estimate
FROM events
WHERE timestamp >= date_trunc('minute', $until::TIMESTAMP_MS) - INTERVAL 24 HOUR AND timestamp <= $until::TIMESTAMP_MS
GROUP BY ALL ORDER BY ALL
"""
ERROR_RATE = """
SELECT strftime(date_trunc('minute', timestamp), '%Y-%m-%dT%H:%M:%SZ') AS key,
    count(*) AS events, count(*) FILTER (event_name = 'error_occurred') AS errors
FROM events
WHERE timestamp >= date_trunc('minute', $until::TIMESTAMP_MS) - INTERVAL 24 HOUR AND timestamp <= $until::TIMESTAMP_MS
GROUP BY ALL ORDER BY ALL
"""
SIGNUP_FUNNEL = """
SELECT strftime(date_trunc('hour', timestamp), '%Y-%m-%dT%H:%M:%SZ') AS key,
    count(*) FILTER (event_name = 'signup_started') AS started,
    count(*) FILTER (event_name = 'signup_completed') AS completed
FROM events
WHERE event_name IN ('signup_started', 'signup_completed')
    AND timestamp >= date_trunc('hour', $until::TIMESTAMP_MS) - INTERVAL 24 HOUR AND timestamp <= $until::TIMESTAMP_MS
GROUP BY ALL ORDER BY ALL
"""
# Users, or else sessions: two sets that share nobody.
TOP_FEATURES = """
SELECT feature::VARCHAR AS key, {distinct_users} + {distinct_sessions} AS estimate, count(*) AS events
FROM events
WHERE event_name = 'feature_used' AND feature != ''
    AND timestamp >= time_bucket(INTERVAL 5 MINUTE, $until::TIMESTAMP_MS) - INTERVAL 24 HOUR AND timestamp <= $until::TIMESTAMP_MS
GROUP BY ALL ORDER BY estimate DESC, events DESC, key LIMIT 10
"""

QUESTIONS = {
    "active_users": ACTIVE_USERS.format(distinct="count(DISTINCT session_id)"),
    "active_users, estimated": ACTIVE_USERS.format(distinct="approx_count_distinct(session_id)"),
    "error_rate": ERROR_RATE,
    "signup_funnel": SIGNUP_FUNNEL,
    "top_features": TOP_FEATURES.format(
        distinct_users="count(DISTINCT user_id)",
        distinct_sessions="count(DISTINCT session_id) FILTER (user_id IS NULL)",
    ),
    "top_features, estimated": TOP_FEATURES.format(
        distinct_users="approx_count_distinct(user_id)",
        distinct_sessions="approx_count_distinct(session_id) FILTER (user_id IS NULL)",
    ),
}


def load(connection, parquet):
    connection.execute(f"SET threads = {THREADS}")
    connection.execute(f"SET memory_limit = '{MEMORY_LIMIT}'")
    connection.execute("SET TimeZone = 'UTC'")
    for column in ("event_name", "device_type", "country_code", "feature"):
        connection.execute(
            f"CREATE TYPE {column} AS ENUM (SELECT DISTINCT {column}::VARCHAR FROM read_parquet('{parquet}') ORDER BY ALL)"
        )
    connection.execute(LOAD, [parquet])
    connection.execute("CHECKPOINT")


def ask(connection, sql, until):
    times_ms = []
    for _ in range(RUNS + 1):
        started = time.perf_counter()
        cursor = connection.execute(sql, {"until": until})
        rows = cursor.fetchall()
        times_ms.append((time.perf_counter() - started) * 1000)
    names = [column[0] for column in cursor.description]
    # The first run fills the caches.
    return {"median_ms": statistics.median(times_ms[1:]), "rows": [dict(zip(names, row)) for row in rows]}


def main():
    parquet, database, until = sys.argv[1:]
    connection = duckdb.connect(database)
    load(connection, parquet)
    os.unlink(parquet)
    rows = connection.execute("SELECT count(*) FROM events").fetchone()[0]
    answers = {name: ask(connection, sql, until) for name, sql in QUESTIONS.items()}
    size = os.path.getsize(database)
    print(json.dumps({"version": duckdb.__version__, "rows": rows, "bytes_per_row": size / rows, "answers": answers}))


main()
