-- Which events there are, by name. The range is whole hours of UTC and the running one, which counts with all its events.
-- takes range 1h, 4h, 6h, 24h, 7d, 30d: how far back to look from the start of the running hour
-- column event_name LowCardinality(String): as it was sent
-- column events UInt64: events of that name
-- column last_seen_at DateTime64(3, 'UTC'): the newest of them
-- parameter until DateTime64(3, 'UTC'): the moment asked about
-- parameter range_seconds UInt32: length of the range, whole hours
WITH
    {until:DateTime64(3, 'UTC')} AS until,
    toStartOfHour(until) AS running_hour
SELECT
    event_name,
    count() AS events,
    toTimeZone(max(timestamp), 'UTC') AS last_seen_at
FROM events
WHERE toStartOfHour(timestamp, 'UTC') >= running_hour - {range_seconds:UInt32}
    AND toStartOfHour(timestamp, 'UTC') <= running_hour
GROUP BY event_name
ORDER BY events DESC, event_name
LIMIT 1000
SETTINGS preferred_optimize_projection_name = 'names_by_hour'
