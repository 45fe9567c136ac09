-- Distinct sessions in the last five minutes, and minute by minute over the range.
-- takes range 1h, 4h, 6h, 24h: how far back to look
-- takes ago 0, 1d, 7d: how long before the present the range ends, to compare with yesterday or last week
-- column minute DateTime('UTC'): start of the minute; every minute of the range is a row, oldest first, the running one last
-- column active_users UInt64: distinct sessions seen in that minute; an estimate beyond 128, off by 1.6 % (one standard error)
-- column active_users_5m UInt64: distinct sessions in the last five minutes: thirty times ten seconds and the running ten; estimated likewise, the same in every row
-- column active_users_5m_before UInt64: distinct sessions in the five minutes before those, the same in every row
-- parameter until DateTime64(3, 'UTC'): the moment asked about; its minute counts whole, as far as it is stored
-- parameter range_seconds UInt32: length of the range, whole minutes
WITH
    {until:DateTime64(3, 'UTC')} AS until,
    toStartOfMinute(until) AS running_minute,
    running_minute - {range_seconds:UInt32} AS first_minute,
    toStartOfInterval(until, INTERVAL 10 SECOND) AS running_ten_seconds,
    running_ten_seconds - 300 AS five_minutes_ago,
    (
        SELECT (sumIf(sessions, NOT earlier), sumIf(sessions, earlier))
        FROM
        (
            SELECT
                toStartOfInterval(timestamp, INTERVAL 10 SECOND, 'UTC') < five_minutes_ago AS earlier,
                uniqCombined64(12)(session_id) AS sessions
            FROM events
            WHERE toStartOfInterval(timestamp, INTERVAL 10 SECOND, 'UTC') >= five_minutes_ago - 300
                AND toStartOfInterval(timestamp, INTERVAL 10 SECOND, 'UTC') <= running_ten_seconds
            GROUP BY earlier
            SETTINGS preferred_optimize_projection_name = 'sessions_by_ten_seconds'
        )
    ) AS five_minutes
SELECT
    minute,
    active_users,
    five_minutes.1 AS active_users_5m,
    five_minutes.2 AS active_users_5m_before
FROM
(
    SELECT
        toStartOfMinute(timestamp, 'UTC') AS minute,
        uniqCombined64(12)(session_id) AS active_users
    FROM events
    WHERE minute >= first_minute AND minute <= running_minute
    GROUP BY minute
    -- A zero for every minute, so that none is missing. In full, since ClickHouse 23.10 takes no alias there.
    ORDER BY minute WITH FILL
        FROM toStartOfMinute({until:DateTime64(3, 'UTC')}) - {range_seconds:UInt32}
        TO toStartOfMinute({until:DateTime64(3, 'UTC')}) + 60
        STEP 60
    SETTINGS preferred_optimize_projection_name = 'events_by_minute'
)
ORDER BY minute
LIMIT 1441
