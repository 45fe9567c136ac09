-- Which properties the events of a name have, from the newest 10,000 of them.
-- takes event_name any event name: the events to look at
-- takes range 1h, 4h, 6h, 24h, 7d, 30d: how far back to look
-- column property_key String: a key of the `properties` object
-- column events UInt64: events with it, among those looked at
-- column share_pct Float64: those in percent of the events looked at, one decimal
-- parameter until DateTime64(3, 'UTC'): the moment asked about; later events are not looked at
-- parameter range_seconds UInt32: length of the range
-- parameter event_name String: the events to look at
WITH
    {until:DateTime64(3, 'UTC')} AS until
SELECT
    property_key,
    count() AS events,
    round(100 * events / any(looked_at), 1) AS share_pct
FROM
(
    SELECT
        properties,
        count() OVER () AS looked_at
    FROM
    (
        SELECT properties
        FROM events
        WHERE event_name = {event_name:String}
            AND timestamp > until - INTERVAL {range_seconds:UInt32} SECOND
            AND timestamp <= until
        ORDER BY timestamp DESC
        LIMIT 10000
    )
)
ARRAY JOIN JSONExtractKeys(properties) AS property_key
GROUP BY property_key
ORDER BY events DESC, property_key
LIMIT 100
