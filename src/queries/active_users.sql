-- Distinct sessions in the last five minutes, and minute by minute over the range.
-- takes range 1h, 4h, 6h, 24h: how far back to look
-- takes ago 0, 1d, 7d: how long before the present the range ends, to compare with yesterday or last week
-- column minute DateTime('UTC'): start of the minute; every minute of the range is a row, oldest first, the running one last
-- column active_users UInt64: distinct sessions seen in that minute; an estimate beyond some hundreds, off by 1.6 % (one standard error)
-- column active_users_5m UInt64: distinct sessions in the five minutes before `until`, estimated likewise, the same in every row
-- column active_users_5m_before UInt64: distinct sessions in the last five whole minutes before those, the same in every row
-- parameter until DateTime64(3, 'UTC'): the moment asked about; later events are not counted
-- parameter range_seconds UInt32: length of the range, whole minutes
WITH
    {until:DateTime64(3, 'UTC')} AS until,
    toStartOfMinute(until) AS running_minute,
    running_minute - {range_seconds:UInt32} AS first_minute,
    running_minute - intDiv({range_seconds:UInt32}, 120) * 60 AS middle_minute,
    -- In which the last five minutes begin.
    running_minute - 300 AS broken_minute,
    (
        SELECT (
            uniqCombined64MergeIf(12)(sessions, minute >= broken_minute),
            uniqCombined64MergeIf(12)(sessions, minute < broken_minute),
            uniqCombined64MergeIf(12)(sessions, minute = running_minute)
        )
        FROM
        (
            -- Whole minutes, from the rollup.
            SELECT
                toStartOfMinute(timestamp, 'UTC') AS minute,
                uniqCombined64State(12)(session_id) AS sessions
            FROM events
            WHERE minute >= broken_minute - 300 AND minute < running_minute AND minute != broken_minute
            GROUP BY minute
            SETTINGS preferred_optimize_projection_name = 'by_minute'

            UNION ALL

            -- The running minute, and the end of the broken one, from the rows.
            SELECT
                toStartOfMinute(timestamp, 'UTC') AS minute,
                uniqCombined64State(12)(session_id) AS sessions
            FROM events
            WHERE (timestamp > until - INTERVAL 5 MINUTE AND timestamp < broken_minute + 60)
                OR (timestamp >= running_minute AND timestamp <= until)
            GROUP BY minute
            SETTINGS preferred_optimize_projection_name = 'by_minute'
        )
    ) AS active
SELECT
    minute,
    sum(sessions) AS active_users,
    ifNull(active.1, 0) AS active_users_5m,
    ifNull(active.2, 0) AS active_users_5m_before
FROM
(
    -- Whole minutes, from the rollup. In two halves, since one processor alone works on what is read at once, and so many counts take long.
    SELECT
        toStartOfMinute(timestamp, 'UTC') AS minute,
        uniqCombined64(12)(session_id) AS sessions
    FROM events
    WHERE minute >= first_minute AND minute < middle_minute
    GROUP BY minute

    UNION ALL

    SELECT
        toStartOfMinute(timestamp, 'UTC') AS minute,
        uniqCombined64(12)(session_id) AS sessions
    FROM events
    WHERE minute >= middle_minute AND minute < running_minute
    GROUP BY minute

    UNION ALL

    SELECT
        running_minute AS minute,
        ifNull(active.3, 0) AS sessions

    UNION ALL

    -- A zero for every minute, so that none is missing.
    SELECT
        first_minute + 60 * arrayJoin(range(intDiv({range_seconds:UInt32}, 60) + 1)) AS minute,
        0 AS sessions
)
GROUP BY minute
ORDER BY minute
LIMIT 1441
SETTINGS preferred_optimize_projection_name = 'sessions_by_minute'
