-- The ten features used by most people over the range, which begins with whole five minutes.
-- takes range 1h, 4h, 6h, 24h: how far back to look
-- takes ago 0, 1d, 7d: how long before the present the range ends, to compare with yesterday or last week
-- column feature LowCardinality(String): the `feature` property of the `feature_used` events
-- column unique_users UInt64: distinct users of it; an event without a user counts by its session; an estimate beyond 128, off by 1.6 % (one standard error)
-- column events UInt64: uses of it
-- parameter until DateTime64(3, 'UTC'): the moment asked about; its five minutes count whole, as far as they are stored
-- parameter range_seconds UInt32: length of the range before the running five minutes, whole ones
WITH
    {until:DateTime64(3, 'UTC')} AS until,
    toStartOfFiveMinutes(until) AS running_five_minutes,
    running_five_minutes - {range_seconds:UInt32} AS first_five_minutes,
    toStartOfHour(until) AS running_hour,
    toStartOfHour(first_five_minutes + 3599) AS first_whole_hour
SELECT
    feature,
    uniqCombined64Merge(12)(users) AS unique_users,
    sum(uses) AS events
FROM
(
    -- Whole hours.
    SELECT
        feature,
        uniqCombined64State(12)(coalesce(user_id, session_id)) AS users,
        count() AS uses
    FROM events
    WHERE event_name = 'feature_used'
        AND feature != ''
        AND toStartOfHour(timestamp, 'UTC') >= first_whole_hour
        AND toStartOfHour(timestamp, 'UTC') < running_hour
    GROUP BY feature
    SETTINGS preferred_optimize_projection_name = 'names_by_hour'

    UNION ALL

    -- The broken hours at both ends, by five minutes.
    SELECT
        feature,
        uniqCombined64State(12)(if(feature = '', '', coalesce(user_id, session_id))) AS users,
        count() AS uses
    FROM events
    WHERE event_name = 'feature_used'
        AND feature != ''
        AND toStartOfFiveMinutes(timestamp, 'UTC') >= first_five_minutes
        AND toStartOfFiveMinutes(timestamp, 'UTC') <= running_five_minutes
        AND (
            toStartOfFiveMinutes(timestamp, 'UTC') < first_whole_hour
            OR toStartOfFiveMinutes(timestamp, 'UTC') >= running_hour
        )
    GROUP BY feature
    SETTINGS preferred_optimize_projection_name = 'feature_users_by_five_minutes'
)
GROUP BY feature
ORDER BY unique_users DESC, events DESC, feature
LIMIT 10
