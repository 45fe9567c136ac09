-- How many of the active users use each feature, beside the range before. Both are whole hours, the running one left out, so that they compare.
-- Users are events' users, or else their sessions. Beyond 128 their numbers are estimates, off by 1.6 % (one standard error).
-- takes range 1h, 4h, 6h, 24h: how far back to look from the last whole hour
-- column feature LowCardinality(String): the `feature` property of the `feature_used` events
-- column unique_users UInt64: distinct users of it
-- column share_pct Nullable(Float64): those in percent of all users with any event in the range, one decimal; null without any
-- column unique_users_before UInt64: distinct users of it in the range before
-- column share_before_pct Nullable(Float64): those in percent of all users with any event in the range before; null without any
-- column change_pts Nullable(Float64): the share less the share before, in points; null if one of them is
-- parameter until DateTime64(3, 'UTC'): the moment asked about
-- parameter range_seconds UInt32: length of the range, whole hours
WITH
    {until:DateTime64(3, 'UTC')} AS until,
    toStartOfHour(until) AS running_hour,
    running_hour - {range_seconds:UInt32} AS first_hour,
    first_hour - {range_seconds:UInt32} AS first_hour_before,
    (
        SELECT (uniqCombined64MergeIf(12)(users, NOT earlier), uniqCombined64MergeIf(12)(users, earlier))
        FROM
        (
            SELECT
                toStartOfHour(timestamp, 'UTC') < first_hour AS earlier,
                uniqCombined64State(12)(coalesce(user_id, session_id)) AS users
            FROM events
            WHERE toStartOfHour(timestamp, 'UTC') >= first_hour_before AND toStartOfHour(timestamp, 'UTC') < running_hour
            GROUP BY earlier
        )
    ) AS active
SELECT
    feature,
    uniqCombined64MergeIf(12)(users, NOT earlier) AS unique_users,
    if(active.1 = 0, NULL, round(least(100 * unique_users / active.1, 100), 1)) AS share_pct,
    uniqCombined64MergeIf(12)(users, earlier) AS unique_users_before,
    if(active.2 = 0, NULL, round(least(100 * unique_users_before / active.2, 100), 1)) AS share_before_pct,
    round(share_pct - share_before_pct, 1) AS change_pts
FROM
(
    SELECT
        feature,
        toStartOfHour(timestamp, 'UTC') < first_hour AS earlier,
        uniqCombined64State(12)(coalesce(user_id, session_id)) AS users
    FROM events
    WHERE event_name = 'feature_used'
        AND feature != ''
        AND toStartOfHour(timestamp, 'UTC') >= first_hour_before
        AND toStartOfHour(timestamp, 'UTC') < running_hour
    GROUP BY
        feature,
        earlier
)
GROUP BY feature
ORDER BY unique_users DESC, unique_users_before DESC, feature
LIMIT 50
SETTINGS preferred_optimize_projection_name = 'names_by_hour'
