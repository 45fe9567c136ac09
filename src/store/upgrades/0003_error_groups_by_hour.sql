-- The rollup of errors makes way for one in which paths that differ in their ids alone are one path, as init-db.sql has it. Older parts get it
-- when they are merged.
ALTER TABLE events DROP PROJECTION IF EXISTS errors_by_hour;

ALTER TABLE events
    ADD PROJECTION IF NOT EXISTS error_groups_by_hour
    (
        SELECT
            toStartOfHour(timestamp, 'UTC'),
            event_name,
            if(event_name = 'error_occurred', substringUTF8(JSONExtractString(properties, 'message'), 1, 200), ''),
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
            ),
            count(),
            min(timestamp),
            max(timestamp),
            uniqCombined64IfState(12)(coalesce(user_id, session_id), event_name = 'error_occurred')
        GROUP BY
            toStartOfHour(timestamp, 'UTC'),
            event_name,
            if(event_name = 'error_occurred', substringUTF8(JSONExtractString(properties, 'message'), 1, 200), ''),
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
            )
    );
