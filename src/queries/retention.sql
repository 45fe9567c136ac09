-- Of the users who came first in one week, the share that came again in each following week. Weeks begin on Mondays, UTC; the running one is last.
-- Users are events' users, or else their sessions. A user's first week is that of the oldest event kept, so the first weeks of a store hold older users too.
-- Exact up to about 50,000 pairs of user and week; beyond that computed from a fixed share of the users, a half, a quarter and so on, and margin_pts says how exact.
-- takes weeks 8, 12: how many cohorts before that of the running week
-- column cohort_week Date: Monday of the week of the users' first events; weeks without new users are left out
-- column week_number UInt8: weeks after that one; 0 is the cohort itself
-- column users UInt64: users of the cohort
-- column returned UInt64: those among them with an event in that week
-- column retained_pct Float64: returned in percent of users, one decimal
-- column margin_pts Float64: 0 if exact; else retained_pct is off by no more points than this, in 95 of 100 cases
-- parameter until DateTime64(3, 'UTC'): the moment asked about
-- parameter weeks UInt8: cohorts before that of the running week
WITH
    {until:DateTime64(3, 'UTC')} AS until,
    toMonday(until) AS running_week,
    (
        -- Pairs of user and week among a 256th of the users.
        SELECT count()
        FROM
        (
            SELECT 1
            FROM events
            WHERE cityHash64(coalesce(user_id, session_id)) < bitShiftLeft(toUInt64(1), 56)
            GROUP BY
                cityHash64(coalesce(user_id, session_id)),
                toMonday(timestamp, 'UTC')
        )
    ) AS pairs,
    -- How often to halve the users until some 50,000 pairs are left.
    toUInt8(greatest(0, ceil(log2(greatest(ifNull(pairs, 0), 1) * 256 / 50000)))) AS halvings,
    bitShiftLeft(toUInt64(1), halvings) AS weight
SELECT
    cohort_week,
    toUInt8(week - 1) AS week_number,
    counts[1] * weight AS users,
    counts[week] * weight AS returned,
    round(100 * counts[week] / counts[1], 1) AS retained_pct,
    round(if(halvings = 0, 0, 196 * sqrt((counts[week] + 1) * (counts[1] - counts[week] + 1) / pow(counts[1] + 2, 3))), 1) AS margin_pts
FROM
(
    SELECT
        cohort_week,
        sumForEach(arrayMap(number -> toUInt64(has(weeks, cohort_week + 7 * number)), range({weeks:UInt8} + 1))) AS counts
    FROM
    (
        SELECT
            -- Not in the WHERE: ClickHouse would look at every mark of the table for what all of them fulfil, twice as long as the rest takes.
            groupUniqArrayIf(week, week <= running_week) AS weeks,
            arrayMin(weeks) AS cohort_week
        FROM
        (
            SELECT
                cityHash64(coalesce(user_id, session_id)) AS user,
                toMonday(timestamp, 'UTC') AS week
            FROM events
            WHERE cityHash64(coalesce(user_id, session_id)) <= bitShiftRight(18446744073709551615, halvings)
            GROUP BY
                cityHash64(coalesce(user_id, session_id)),
                toMonday(timestamp, 'UTC')
        )
        GROUP BY user
    )
    WHERE cohort_week >= running_week - 7 * {weeks:UInt8}
    GROUP BY cohort_week
)
ARRAY JOIN arrayEnumerate(counts) AS week
WHERE cohort_week + 7 * (week - 1) <= running_week
ORDER BY cohort_week, week_number
LIMIT 1000
SETTINGS preferred_optimize_projection_name = 'users_by_week'
