-- The one schema of Weir, for the embedded engine and for a ClickHouse server's first boot.
-- Every statement may run again. Statements end with a semicolon at the end of a line.

CREATE TABLE IF NOT EXISTS events
(
    event_name LowCardinality(String),
    timestamp DateTime64(3),
    session_id String,
    user_id Nullable(String),
    device_type LowCardinality(String),
    country_code LowCardinality(FixedString(2)),
    properties String,
    date Date DEFAULT toDate(timestamp),

    -- The id the client gave the event, or empty. Compressed harder than the default: ids are a third of an event on disk.
    event_id String CODEC(ZSTD(1)),
    received_at DateTime64(3),

    -- Milliseconds that were added to the time the client sent, because the request's sent_at showed its clock to be wrong.
    -- 0 when it was taken as it came. How late an event arrived is received_at - timestamp.
    clock_skew_ms Int64,

    -- Taken out of the properties once, so that the feature ranking never parses JSON.
    feature LowCardinality(String) MATERIALIZED if(event_name = 'feature_used', JSONExtractString(properties, 'feature'), ''),

    -- What every panel asks of all events, one row a minute: small beside the rows, however many sessions there are.
    PROJECTION by_minute
    (
        SELECT
            toStartOfMinute(timestamp, 'UTC'),
            count(),
            countIf(event_name = 'error_occurred'),
            countIf(event_name = 'signup_started'),
            countIf(event_name = 'signup_completed'),
            max(timestamp),
            uniqCombined64(14)(session_id)
        GROUP BY toStartOfMinute(timestamp, 'UTC')
    ),

    -- The feature ranking. By the hour, because merging distinct counts of shorter times costs as much as reading rows.
    -- A state, not a count, because the query merges it with the rows of the running hour and asks in the same words.
    PROJECTION feature_by_hour
    (
        SELECT
            toStartOfHour(timestamp, 'UTC'),
            feature,
            count(),
            uniqCombined64IfState(14)(coalesce(user_id, session_id), event_name = 'feature_used')
        GROUP BY
            toStartOfHour(timestamp, 'UTC'),
            feature
    )
)
ENGINE = MergeTree()
PARTITION BY toYYYYMM(date)
ORDER BY (event_name, timestamp)
-- The default retention; the program changes it with ALTER TABLE events MODIFY TTL.
TTL date + INTERVAL 90 DAY
-- How many inserts back a repeated deduplication token is recognised, one entry for each partition an insert touches. It must
-- exceed what the journal can send again after a crash or a long outage, and an entry costs little.
SETTINGS non_replicated_deduplication_window = 10000;

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

-- Small definitions that people save, such as funnels. The newest row of a name counts; an empty definition is a deleted one.
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
