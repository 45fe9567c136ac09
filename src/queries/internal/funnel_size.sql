-- How many events the steps of a funnel have, before their filters.
-- column events UInt64: the events of these names in the range
-- parameter since_ms Int64, until_ms Int64: the range, both ends belong to it
-- parameter names Array(String): the event names of the steps
SELECT count() AS events
FROM events
WHERE event_name IN {names:Array(String)}
    AND timestamp >= fromUnixTimestamp64Milli({since_ms:Int64})
    AND timestamp <= fromUnixTimestamp64Milli({until_ms:Int64})
LIMIT 1
