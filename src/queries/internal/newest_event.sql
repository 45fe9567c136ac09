-- The newest event's timestamp, so that every answer can tell its age.
-- column newest_event_at Nullable(DateTime64(3, 'UTC')): null when no event is kept
-- parameter until DateTime64(3, 'UTC'): the moment asked about; later events are left out
WITH
    {until:DateTime64(3, 'UTC')} AS until,
    toStartOfMinute(until) AS running_minute
SELECT
    toTimeZone(nullIf(max(newest), toDateTime64(0, 3)), 'UTC') AS newest_event_at
FROM
(
    SELECT max(timestamp) AS newest
    FROM events
    WHERE timestamp >= running_minute AND timestamp <= until

    UNION ALL

    -- The condition is not in a WHERE: ClickHouse would look at every mark of the table.
    SELECT maxIf(minute_newest, minute < running_minute) AS newest
    FROM
    (
        SELECT
            toStartOfMinute(timestamp, 'UTC') AS minute,
            max(timestamp) AS minute_newest
        FROM events
        GROUP BY minute
    )
)
LIMIT 1
SETTINGS preferred_optimize_projection_name = 'events_by_minute'
