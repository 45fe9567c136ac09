-- Events that were not taken, newest first, a page at a time.
-- column id UUID: names the row
-- column received_at DateTime64(3, 'UTC'): when the event came
-- column source LowCardinality(String): ingest, if validation refused it; store, if ClickHouse did
-- column event_index UInt32: position in its request or batch
-- column field LowCardinality(String): the field at fault
-- column reason String: what was wrong
-- column raw String: the event as it was sent, or the beginning of it
-- parameter since_ms Int64: the earliest moment asked about
-- parameter before_ms Int64, before_id UUID: where the page before ended
-- parameter field String: the field asked about, or empty
-- parameter limit UInt32: rows of a page
SELECT
    id,
    toTimeZone(received_at, 'UTC') AS received_at,
    source,
    event_index,
    field,
    reason,
    raw
FROM rejected_events
WHERE received_at >= fromUnixTimestamp64Milli({since_ms:Int64})
    AND (received_at, id) < (fromUnixTimestamp64Milli({before_ms:Int64}), {before_id:UUID})
    AND ({field:String} = '' OR field = {field:String})
ORDER BY received_at DESC, id DESC
LIMIT {limit:UInt32}
