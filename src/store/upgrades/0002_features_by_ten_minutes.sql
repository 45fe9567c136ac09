-- The rollup that ranks features in broken hours, as init-db.sql has it. Older parts get it when they are merged.
ALTER TABLE events
    ADD PROJECTION IF NOT EXISTS features_by_ten_minutes
    (
        SELECT
            toStartOfTenMinutes(timestamp, 'UTC'),
            event_name,
            feature,
            count(),
            uniqCombined64State(13)(if(feature = '', '', coalesce(user_id, session_id)))
        GROUP BY
            toStartOfTenMinutes(timestamp, 'UTC'),
            event_name,
            feature
    );
