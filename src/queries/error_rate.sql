-- Share of events that report an error, minute by minute over the range.
-- takes range 1h, 4h, 6h, 24h: how far back to look
-- takes ago 0, 1d, 7d: how long before the present the range ends, to compare with yesterday or last week
-- column minute DateTime('UTC'): start of the minute; every minute of the range is a row, oldest first, the running one last
-- column events UInt64: events in that minute
-- column errors UInt64: events named `error_occurred` among them
-- column error_pct Nullable(Float64): errors in percent of events, two decimals; null in a minute without events
-- parameter until DateTime64(3, 'UTC'): the moment asked about; later events are not counted
-- parameter range_seconds UInt32: length of the range, whole minutes
WITH
    {until:DateTime64(3, 'UTC')} AS until,
    toStartOfMinute(until) AS running_minute,
    running_minute - {range_seconds:UInt32} AS first_minute
SELECT
    minute,
    sum(minute_events) AS events,
    sum(minute_errors) AS errors,
    if(events = 0, NULL, round(100 * errors / events, 2)) AS error_pct
FROM
(
    -- Whole minutes, from the rollup.
    SELECT
        toStartOfMinute(timestamp, 'UTC') AS minute,
        count() AS minute_events,
        countIf(event_name = 'error_occurred') AS minute_errors
    FROM events
    WHERE minute >= first_minute AND minute < running_minute
    GROUP BY minute

    UNION ALL

    -- The running minute, from the rows, since it ends at `until`.
    SELECT
        running_minute AS minute,
        count() AS minute_events,
        countIf(event_name = 'error_occurred') AS minute_errors
    FROM events
    WHERE timestamp >= running_minute AND timestamp <= until

    UNION ALL

    -- A zero for every minute, so that none is missing.
    SELECT
        first_minute + 60 * arrayJoin(range(intDiv({range_seconds:UInt32}, 60) + 1)) AS minute,
        0 AS minute_events,
        0 AS minute_errors
)
GROUP BY minute
ORDER BY minute
LIMIT 1441
SETTINGS preferred_optimize_projection_name = 'by_minute'
