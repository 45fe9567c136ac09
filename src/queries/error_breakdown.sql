-- The fifty most frequent errors, by message and path. The range is whole hours of UTC and the running one, which counts with all its events.
-- Users are events' users, or else their sessions. Beyond 128 their number is an estimate, off by 1.6 % (one standard error).
-- takes range 1h, 4h, 6h, 24h: how far back to look from the start of the running hour
-- column message String: the `message` property of the `error_occurred` events, its first 200 characters; empty if there is none
-- column path String: their `path` property, its first 200 characters, with `:id` for each segment that is a number or a long id; empty if there is none
-- column errors UInt64: events with both
-- column users_affected UInt64: distinct users of them
-- column first_seen_at DateTime64(3, 'UTC'): the first of them in the range
-- column last_seen_at DateTime64(3, 'UTC'): the last of them in the range
-- parameter until DateTime64(3, 'UTC'): the moment asked about
-- parameter range_seconds UInt32: length of the range, whole hours
WITH
    {until:DateTime64(3, 'UTC')} AS until,
    toStartOfHour(until) AS running_hour
SELECT
    if(event_name = 'error_occurred', substringUTF8(JSONExtractString(properties, 'message'), 1, 200), '') AS message,
    if(
        event_name = 'error_occurred',
        replaceRegexpAll(
            replaceRegexpAll(
                substringUTF8(JSONExtractString(properties, 'path'), 1, 200),
                '/(?:[0-9]+|[0-9a-fA-F-]{16,})([/?#]|$)', '/:id\\1'
            ),
            '/(?:[0-9]+|[0-9a-fA-F-]{16,})([/?#]|$)', '/:id\\1'
        ),
        ''
    ) AS path,
    count() AS errors,
    finalizeAggregation(uniqCombined64IfState(12)(coalesce(user_id, session_id), event_name = 'error_occurred')) AS users_affected,
    toTimeZone(min(timestamp), 'UTC') AS first_seen_at,
    toTimeZone(max(timestamp), 'UTC') AS last_seen_at
FROM events
WHERE event_name = 'error_occurred'
    AND toStartOfHour(timestamp, 'UTC') >= running_hour - {range_seconds:UInt32}
    AND toStartOfHour(timestamp, 'UTC') <= running_hour
GROUP BY
    message,
    path
ORDER BY errors DESC, message, path
LIMIT 50
SETTINGS preferred_optimize_projection_name = 'error_groups_by_hour'
