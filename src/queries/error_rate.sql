-- Share of events that report an error, minute by minute over the range.
-- takes range 1h, 4h, 6h, 24h: how far back to look
-- takes ago 0, 1d, 7d: how long before the present the range ends, to compare with yesterday or last week
-- column minute DateTime('UTC'): start of the minute; every minute of the range is a row, oldest first, the running one last
-- column events UInt64: events in that minute
-- column errors UInt64: events named `error_occurred` among them
-- column error_pct Nullable(Float64): errors in percent of events, two decimals; null in a minute without events
-- parameter until DateTime64(3, 'UTC'): the moment asked about; its minute counts whole, as far as it is stored
-- parameter range_seconds UInt32: length of the range, whole minutes
WITH
    toStartOfMinute({until:DateTime64(3, 'UTC')}) AS running_minute,
    running_minute - {range_seconds:UInt32} AS first_minute
SELECT
    toStartOfMinute(timestamp, 'UTC') AS minute,
    count() AS events,
    countIf(event_name = 'error_occurred') AS errors,
    if(events = 0, NULL, round(100 * errors / events, 2)) AS error_pct
FROM events
WHERE minute >= first_minute AND minute <= running_minute
GROUP BY minute
-- A zero for every minute, so that none is missing. In full, since ClickHouse 23.10 takes no alias there.
ORDER BY minute WITH FILL
    FROM toStartOfMinute({until:DateTime64(3, 'UTC')}) - {range_seconds:UInt32}
    TO toStartOfMinute({until:DateTime64(3, 'UTC')}) + 60
    STEP 60
LIMIT 1441
SETTINGS preferred_optimize_projection_name = 'events_by_minute'
