-- Signups started and completed, bucket by bucket over the range, beside the range before it.
-- takes range 1h, 4h, 6h, 24h: how far back to look
-- takes ago 0, 1d, 7d: how long before the present the range ends, to compare with yesterday or last week
-- column bucket DateTime('UTC'): start of the bucket; every bucket of the range is a row, oldest first, the running one last
-- column started UInt64: events named `signup_started` in that bucket
-- column completed UInt64: events named `signup_completed` in that bucket
-- column conversion_pct Nullable(Float64): completed in percent of started, one decimal; null where none started
-- column started_before UInt64: `signup_started` in the same bucket one range earlier, the running one up to the same moment, to the nearest minute
-- column completed_before UInt64: `signup_completed` in the same bucket one range earlier, the running one likewise
-- parameter until DateTime64(3, 'UTC'): the moment asked about; its minute counts whole, as far as it is stored
-- parameter range_seconds UInt32: length of the range, whole buckets
-- parameter bucket_seconds UInt32: length of a bucket, whole minutes
WITH
    {until:DateTime64(3, 'UTC')} AS until,
    toStartOfMinute(until) AS running_minute,
    toDateTime(intDiv(toUnixTimestamp(running_minute), {bucket_seconds:UInt32}) * {bucket_seconds:UInt32}, 'UTC') AS running_bucket,
    running_bucket - {range_seconds:UInt32} AS first_bucket,
    toStartOfMinute(until + INTERVAL 30 SECOND) - {range_seconds:UInt32} AS end_before
SELECT
    toDateTime(intDiv(toUnixTimestamp(minute + earlier * {range_seconds:UInt32}), {bucket_seconds:UInt32}) * {bucket_seconds:UInt32}, 'UTC') AS bucket,
    sumIf(minute_started, NOT earlier) AS started,
    sumIf(minute_completed, NOT earlier) AS completed,
    if(started = 0, NULL, round(100 * completed / started, 1)) AS conversion_pct,
    sumIf(minute_started, earlier) AS started_before,
    sumIf(minute_completed, earlier) AS completed_before
FROM
(
    SELECT
        toStartOfMinute(timestamp, 'UTC') AS minute,
        countIf(event_name = 'signup_started') AS minute_started,
        countIf(event_name = 'signup_completed') AS minute_completed
    FROM events
    WHERE minute >= first_bucket - {range_seconds:UInt32} AND minute <= running_minute
    GROUP BY minute
)
-- The minutes of the range before are moved on by one range. At the border, some are of both.
ARRAY JOIN [0, 1] AS earlier
WHERE if(earlier, minute < end_before, minute >= first_bucket)
GROUP BY bucket
-- A zero for every bucket, so that none is missing. In full, since ClickHouse 23.10 takes no alias there.
ORDER BY bucket WITH FILL
    FROM toDateTime(intDiv(toUnixTimestamp({until:DateTime64(3, 'UTC')}), {bucket_seconds:UInt32}) * {bucket_seconds:UInt32}, 'UTC') - {range_seconds:UInt32}
    TO toDateTime(intDiv(toUnixTimestamp({until:DateTime64(3, 'UTC')}), {bucket_seconds:UInt32}) * {bucket_seconds:UInt32}, 'UTC') + {bucket_seconds:UInt32}
    STEP {bucket_seconds:UInt32}
LIMIT 1441
SETTINGS preferred_optimize_projection_name = 'events_by_minute'
