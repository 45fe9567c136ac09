-- How many events the steps of a funnel have, before their filters.
-- column events UInt64: the events of these names in the hours that the range touches
-- parameter since_ms Int64, until_ms Int64: the range
-- parameter names Array(String): the event names of the steps
SELECT count() AS events
FROM events
WHERE toStartOfHour(timestamp, 'UTC') >= toStartOfHour(fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC'))
    AND toStartOfHour(timestamp, 'UTC') <= fromUnixTimestamp64Milli({until_ms:Int64}, 'UTC')
    AND event_name IN {names:Array(String)}
LIMIT 1
SETTINGS preferred_optimize_projection_name = 'names_by_hour'
