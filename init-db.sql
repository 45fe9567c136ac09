-- The one schema of Weir, as new tables are made: for the embedded engine and for a ClickHouse server's first boot. Tables of an older
-- version are brought up to it by `weir migrate`, which every start does too. Every statement may run again. Statements end with a
-- semicolon at the end of a line.

-- A first boot runs this in the database `default`. The program leaves these two out, and takes CLICKHOUSE_DATABASE.
CREATE DATABASE IF NOT EXISTS weir;
USE weir;

-- Which versions of the schema the tables have been brought to; the highest counts.
CREATE TABLE IF NOT EXISTS weir_schema_versions
(
    version UInt32,
    applied_at DateTime DEFAULT now()
)
ENGINE = ReplacingMergeTree(applied_at)
ORDER BY version;

CREATE TABLE IF NOT EXISTS events
(
    -- Codecs halve an event on disk for a tenth more of the engine's time on an insert: docs/decisions/0008-codecs.md.
    event_name LowCardinality(String) CODEC(ZSTD(1)),
    timestamp DateTime64(3) CODEC(Delta, ZSTD(1)),
    session_id String CODEC(ZSTD(3)),
    user_id Nullable(String) CODEC(ZSTD(1)),
    device_type LowCardinality(String) CODEC(ZSTD(1)),
    country_code LowCardinality(FixedString(2)) CODEC(ZSTD(1)),
    properties String CODEC(ZSTD(3)),
    date Date DEFAULT toDate(timestamp),

    -- The id the client gave the event, or empty.
    event_id String CODEC(ZSTD(1)),
    received_at DateTime64(3) CODEC(T64('bit'), ZSTD(1)),

    -- Milliseconds that were added to the time the client sent, because the request's sent_at showed its clock to be wrong.
    -- 0 when it was taken as it came. How late an event arrived is received_at - timestamp.
    clock_skew_ms Int64 CODEC(ZSTD(1)),

    -- Taken out of the properties once, so that the feature ranking never parses JSON.
    feature LowCardinality(String) MATERIALIZED if(event_name = 'feature_used', JSONExtractString(properties, 'feature'), '')
        CODEC(ZSTD(1)),

    -- For large funnels, which follow a share of the users: to read the ids of all takes longer than everything else. A user's is odd, or 0 for
    -- none; a session's is even.
    user_hash UInt32 MATERIALIZED toUInt32(ifNull(bitAnd(bitOr(cityHash64(user_id), 1), 0xFFFFFFFF), 0)) CODEC(ZSTD(3)),
    session_hash UInt32 MATERIALIZED toUInt32(bitAnd(cityHash64(session_id), 0xFFFFFFFE)) CODEC(ZSTD(1))
)
ENGINE = MergeTree()
PARTITION BY toYYYYMM(date)
ORDER BY (event_name, timestamp)
-- The default retention; the program changes it with ALTER TABLE events MODIFY TTL.
TTL date + INTERVAL 90 DAY
-- How many inserts back a repeated deduplication token is recognised, one entry for each partition an insert touches. It must
-- exceed what the journal can send again after a crash or a long outage, and an entry costs little.
-- A read begins and ends with a granule. One of a rollup's states would be 10 MiB, half a day of features by five minutes.
SETTINGS non_replicated_deduplication_window = 10000, index_granularity_bytes = 2097152;

-- Each rollup is a statement of its own, so that a table that is there gets what it lacks. Its old parts answer from their rows until a rollup
-- is built for them. A query is served by a rollup only if it repeats the rollup's expressions word for word.

-- What every panel asks of all events, one row a minute: small beside the rows, however many sessions there are.
ALTER TABLE events
    ADD PROJECTION IF NOT EXISTS events_by_minute
    (
        SELECT
            toStartOfMinute(timestamp, 'UTC'),
            count(),
            countIf(event_name = 'error_occurred'),
            countIf(event_name = 'signup_started'),
            countIf(event_name = 'signup_completed'),
            max(timestamp),
            uniqCombined64(12)(session_id)
        GROUP BY toStartOfMinute(timestamp, 'UTC')
    );

-- Sessions of the last five minutes, which begin within a minute: to read the rows of one takes as long as everything else.
ALTER TABLE events
    ADD PROJECTION IF NOT EXISTS sessions_by_ten_seconds
    (
        SELECT
            toStartOfInterval(timestamp, INTERVAL 10 SECOND, 'UTC'),
            uniqCombined64(12)(session_id)
        GROUP BY toStartOfInterval(timestamp, INTERVAL 10 SECOND, 'UTC')
    );

-- Who did what: the feature ranking, adoption, event names. By the hour, because merging distinct counts of shorter times costs as much as
-- reading rows. States, not counts, because queries merge them with each other and with rows.
ALTER TABLE events
    ADD PROJECTION IF NOT EXISTS names_by_hour
    (
        SELECT
            toStartOfHour(timestamp, 'UTC'),
            event_name,
            feature,
            count(),
            max(timestamp),
            uniqCombined64State(12)(coalesce(user_id, session_id))
        GROUP BY
            toStartOfHour(timestamp, 'UTC'),
            event_name,
            feature
    );

-- Features by five minutes, with which a range begins and ends: those of the hours that are broken at its ends. Users of other events are not
-- counted, which would cost more than the rest of it.
ALTER TABLE events
    ADD PROJECTION IF NOT EXISTS feature_users_by_five_minutes
    (
        SELECT
            toStartOfFiveMinutes(timestamp, 'UTC'),
            event_name,
            feature,
            count(),
            uniqCombined64State(12)(if(feature = '', '', coalesce(user_id, session_id)))
        GROUP BY
            toStartOfFiveMinutes(timestamp, 'UTC'),
            event_name,
            feature
    );

-- Who came from where: users of a day, a week and a month.
ALTER TABLE events
    ADD PROJECTION IF NOT EXISTS users_by_day
    (
        SELECT
            toStartOfDay(timestamp, 'UTC'),
            country_code,
            device_type,
            uniqCombined64State(12)(coalesce(user_id, session_id))
        GROUP BY
            toStartOfDay(timestamp, 'UTC'),
            country_code,
            device_type
    );

-- Who came again: a row a user and week. In the order of a hash of the user, so that a share of all users is a range of it.
ALTER TABLE events
    ADD PROJECTION IF NOT EXISTS users_by_week
    (
        SELECT
            cityHash64(coalesce(user_id, session_id)),
            toMonday(timestamp, 'UTC'),
            count()
        GROUP BY
            cityHash64(coalesce(user_id, session_id)),
            toMonday(timestamp, 'UTC')
    );

-- Which errors hit whom. Message and path are no columns, so that an insert need not take them out of the properties; they are cut, so that a
-- stack trace sent as a message cannot fill the rollup. Segments of a path that are numbers or long ids make one path, in two passes, since one
-- does not see the second of two neighbours: an error is the same on every project's page. Users of other events are not counted, which would
-- cost more than the rest of it.
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

-- Events that were not taken, each with the reason: `weir replay-rejected` sends them again after a fix.
CREATE TABLE IF NOT EXISTS rejected_events
(
    received_at DateTime64(3),
    -- 'ingest': validation refused it and told the sender. 'store': it was accepted, and ClickHouse refused it for good.
    source LowCardinality(String),
    -- Position in its request, or in its batch.
    event_index UInt32,
    field LowCardinality(String),
    reason String,
    -- The event as it was sent; what validation refused is cut to 4 KiB.
    raw String,
    id UUID DEFAULT generateUUIDv4(),
    -- What the store refuses may have waited in the journal for long: the days count from here.
    rejected_at DateTime DEFAULT now()
)
ENGINE = MergeTree()
PARTITION BY (source, toDate(received_at))
ORDER BY (received_at, id)
TTL rejected_at + INTERVAL 7 DAY
SETTINGS non_replicated_deduplication_window = 10000, ttl_only_drop_parts = 1;

-- Small definitions that people save, such as funnels and annotations. The newest row of a name counts; an empty definition is a deleted one.
CREATE TABLE IF NOT EXISTS weir_definitions
(
    kind LowCardinality(String),
    name String,
    -- JSON.
    definition String,
    updated_at DateTime64(3)
)
ENGINE = ReplacingMergeTree(updated_at)
ORDER BY (kind, name);

-- New tables are of this version. Of older ones this says nothing: `weir migrate` does, when it has changed them.
INSERT INTO weir_schema_versions (version) SELECT 4 WHERE (SELECT count() FROM weir_schema_versions) + (SELECT count() FROM events) = 0;
