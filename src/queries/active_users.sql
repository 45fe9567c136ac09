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
    -- In which the last five minutes begin.
    running_minute - 300 AS broken_minute
SELECT
    row.1 AS minute,
    sum(row.2) AS active_users,
    active_users_5m,
    active_users_5m_before
FROM
(
    SELECT
        groupArrayIf((minute, minute_sessions), of_range) AS minutes,
        uniqCombined64MergeIf(12)(sessions, minute >= broken_minute) AS active_users_5m,
        uniqCombined64MergeIf(12)(sessions, minute < broken_minute) AS active_users_5m_before
    FROM
    (
        -- The minutes of the range, as numbers, from their rollup.
        SELECT
            toStartOfMinute(timestamp, 'UTC') AS minute,
            uniqCombined64(12)(session_id) AS minute_sessions,
            arrayReduce('uniqCombined64State(12)', emptyArrayString()) AS sessions,
            1 AS of_range
        FROM events
        WHERE minute >= first_minute AND minute < running_minute
        GROUP BY minute
        SETTINGS preferred_optimize_projection_name = 'sessions_by_minute'

        UNION ALL

        -- The whole ones of the last ten, to be merged, from theirs.
        SELECT
            toStartOfMinute(timestamp, 'UTC') AS minute,
            0 AS minute_sessions,
            uniqCombined64State(12)(session_id) AS sessions,
            0 AS of_range
        FROM events
        WHERE minute >= broken_minute - 300 AND minute < running_minute AND minute != broken_minute
        GROUP BY minute
        SETTINGS preferred_optimize_projection_name = 'by_minute'

        UNION ALL

        -- The running minute, and the end of the broken one, from the rows.
        SELECT
            toStartOfMinute(timestamp, 'UTC') AS minute,
            finalizeAggregation(sessions) AS minute_sessions,
            uniqCombined64State(12)(session_id) AS sessions,
            minute = running_minute AS of_range
        FROM events
        WHERE (timestamp > until - INTERVAL 5 MINUTE AND timestamp < broken_minute + 60)
            OR (timestamp >= running_minute AND timestamp <= until)
        GROUP BY minute
        SETTINGS preferred_optimize_projection_name = 'by_minute'
    )
)
-- A zero for every minute, so that none is missing.
ARRAY JOIN arrayConcat(minutes, arrayMap(number -> (first_minute + 60 * number, toUInt64(0)), range(intDiv({range_seconds:UInt32}, 60) + 1))) AS row
GROUP BY
    minute,
    active_users_5m,
    active_users_5m_before
ORDER BY minute
LIMIT 1441
