-- Daily, weekly and monthly active users, of all or by country or device. Days are those of UTC; the running day counts with all its events.
-- Users are events' users, or else their sessions. Beyond 128 their numbers are estimates, off by 1.6 % (one standard error).
-- takes by all, country, device: what to count apart
-- column value String: the country or the device, or `all`
-- column daily_users UInt64: distinct users of the running day
-- column daily_users_before UInt64: distinct users of the day before
-- column weekly_users UInt64: distinct users of seven days, the running one last
-- column monthly_users UInt64: distinct users of thirty days, the running one last
-- parameter until DateTime64(3, 'UTC'): the moment asked about
-- parameter by String: what to count apart
WITH
    {until:DateTime64(3, 'UTC')} AS until,
    toStartOfDay(until) AS today
SELECT
    value,
    uniqCombined64MergeIf(12)(users, days_ago = 0) AS daily_users,
    uniqCombined64MergeIf(12)(users, days_ago = 1) AS daily_users_before,
    uniqCombined64MergeIf(12)(users, days_ago < 7) AS weekly_users,
    uniqCombined64Merge(12)(users) AS monthly_users
FROM
(
    -- The rollup's many states become four of each value, which are cheap to merge again for each column.
    SELECT
        multiIf({by:String} = 'country', toString(country_code), {by:String} = 'device', toString(device_type), 'all') AS value,
        multiIf(
            toStartOfDay(timestamp, 'UTC') = today, 0,
            toStartOfDay(timestamp, 'UTC') = today - INTERVAL 1 DAY, 1,
            toStartOfDay(timestamp, 'UTC') > today - INTERVAL 7 DAY, 2,
            7
        ) AS days_ago,
        uniqCombined64State(12)(coalesce(user_id, session_id)) AS users
    FROM events
    WHERE toStartOfDay(timestamp, 'UTC') > today - INTERVAL 30 DAY AND toStartOfDay(timestamp, 'UTC') <= today
    GROUP BY
        value,
        days_ago
)
GROUP BY value
ORDER BY monthly_users DESC, value
LIMIT 300
SETTINGS preferred_optimize_projection_name = 'users_by_day'
