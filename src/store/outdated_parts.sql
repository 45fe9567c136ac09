-- Parts that ClickHouse has replaced by others and not deleted yet.
-- column parts UInt64: how many, of those replaced up to the moment
-- column now_seconds UInt32: the present, by the clock that tells when one was replaced
-- parameter until_seconds UInt32: the moment, in seconds since 1970
SELECT
    countIf(toUnixTimestamp(remove_time) <= {until_seconds:UInt32}) AS parts,
    toUnixTimestamp(now()) AS now_seconds
FROM system.parts
WHERE database = currentDatabase() AND table IN ('events', 'rejected_events') AND NOT active
LIMIT 1
