-- Why events were not taken, the most frequent reason first.
-- column source LowCardinality(String): ingest, if validation refused them; store, if ClickHouse did
-- column field LowCardinality(String): the field at fault
-- column reason String: what was wrong, with … for what was sent
-- column events UInt64: how many
-- parameter since_ms Int64: the earliest moment asked about
SELECT
    source,
    field,
    -- Reasons repeat what was sent, and no two senders send the same.
    replaceRegexpAll(rejected_events.reason, '"([^"\\\\]|\\\\.)*"', '"…"') AS reason,
    count() AS events
FROM rejected_events
WHERE received_at >= fromUnixTimestamp64Milli({since_ms:Int64})
GROUP BY source, field, reason
ORDER BY events DESC, source, field, reason
LIMIT 20
