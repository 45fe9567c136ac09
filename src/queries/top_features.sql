-- The ten features used by most people over the range.
-- takes range 1h, 4h, 6h, 24h: how far back to look
-- takes ago 0, 1d, 7d: how long before the present the range ends, to compare with yesterday or last week
-- column feature LowCardinality(String): the `feature` property of the `feature_used` events
-- column unique_users UInt64: distinct users of it; an event without a user counts by its session; an estimate beyond some hundreds, off by 1.6 % (one standard error)
-- column events UInt64: uses of it
-- parameter until DateTime64(3, 'UTC'): the moment asked about; later events are not counted
-- parameter range_seconds UInt32: length of the range
WITH
    {until:DateTime64(3, 'UTC')} AS until,
    until - INTERVAL {range_seconds:UInt32} SECOND AS since,
    toStartOfHour(until) AS running_hour,
    toStartOfHour(since) + 3600 AS first_whole_hour,
    toStartOfTenMinutes(until) AS running_ten_minutes,
    toStartOfTenMinutes(since) + 600 AS first_whole_ten_minutes
SELECT
    feature,
    uniqCombined64Merge(12)(users) AS unique_users,
    sum(uses) AS events
FROM
(
    -- Whole hours, from the rollup.
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

    -- The broken hours at both ends: whole ten minutes, from the rollup of these.
    SELECT
        feature,
        uniqCombined64State(12)(if(feature = '', '', coalesce(user_id, session_id))) AS users,
        count() AS uses
    FROM events
    WHERE event_name = 'feature_used'
        AND feature != ''
        AND toStartOfTenMinutes(timestamp, 'UTC') >= first_whole_ten_minutes
        AND toStartOfTenMinutes(timestamp, 'UTC') < running_ten_minutes
        AND (
            toStartOfTenMinutes(timestamp, 'UTC') < first_whole_hour
            OR toStartOfTenMinutes(timestamp, 'UTC') >= running_hour
        )
    GROUP BY feature
    SETTINGS preferred_optimize_projection_name = 'feature_users_by_ten_minutes'

    UNION ALL

    -- And what is left of them, from the rows.
    SELECT
        feature,
        uniqCombined64State(12)(coalesce(user_id, session_id)) AS users,
        count() AS uses
    FROM events
    WHERE event_name = 'feature_used'
        AND feature != ''
        AND timestamp > since
        AND timestamp <= until
        AND (timestamp < first_whole_ten_minutes OR timestamp >= running_ten_minutes)
    GROUP BY feature
    SETTINGS preferred_optimize_projection_name = 'names_by_hour'
)
GROUP BY feature
ORDER BY unique_users DESC, events DESC, feature
LIMIT 10
