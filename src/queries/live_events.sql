-- The newest hundred events as they were stored, newest first.
-- column timestamp DateTime64(3, 'UTC'): when it happened, as its sender said, corrected by clock_skew_ms
-- column event_name LowCardinality(String): as it was sent
-- column user_id Nullable(String): as it was sent; null if it was not
-- column session_id String: as it was sent
-- column device_type LowCardinality(String): as it was sent
-- column country_code LowCardinality(FixedString(2)): as it was sent
-- column properties String: the JSON text that was sent
-- column event_id String: as it was sent; empty if it was not
-- column received_at DateTime64(3, 'UTC'): when it came
-- column delay_ms Int64: received_at less timestamp
-- column clock_skew_ms Int64: added to the time that was sent, because the sender's clock was wrong
-- parameter until DateTime64(3, 'UTC'): the moment asked about; later events are left out
WITH
    {until:DateTime64(3, 'UTC')} AS until,
    (
        -- The minute in which the newest hundred begin, from the rollup. The running minute may lie in part behind `until`, so it is not counted.
        SELECT min(minute)
        FROM
        (
            SELECT
                toStartOfMinute(timestamp, 'UTC') AS minute,
                -- Not in the WHERE: ClickHouse would look at every mark of the table.
                if(minute < toStartOfMinute(until), count(), 0) AS minute_events,
                sum(minute_events) OVER (ORDER BY minute DESC) AS events_since
            FROM events
            GROUP BY minute
        )
        WHERE events_since - minute_events < 100
    ) AS first_minute,
    (
        -- The oldest of the hundred by its timestamp alone, so that the other columns are read for few rows.
        SELECT min(moment)
        FROM
        (
            SELECT timestamp AS moment
            FROM events
            WHERE timestamp >= first_minute AND timestamp <= until
            ORDER BY timestamp DESC
            LIMIT 100
        )
    ) AS first_moment
SELECT
    toTimeZone(timestamp, 'UTC') AS timestamp,
    event_name,
    user_id,
    session_id,
    device_type,
    country_code,
    properties,
    event_id,
    toTimeZone(received_at, 'UTC') AS received_at,
    dateDiff('millisecond', timestamp, received_at) AS delay_ms,
    clock_skew_ms
FROM events
WHERE timestamp >= first_moment AND timestamp <= until
ORDER BY timestamp DESC, received_at DESC, event_name, session_id, user_id, event_id, properties
LIMIT 100
SETTINGS preferred_optimize_projection_name = 'events_by_minute'
