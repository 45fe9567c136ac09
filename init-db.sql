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

CREATE TABLE IF NOT EXISTS rejected_events
(
    received_at DateTime64(3),
    source LowCardinality(String),
    event_index UInt32,
    field LowCardinality(String),
    reason String,
    raw String
)
ENGINE = MergeTree()
ORDER BY received_at
TTL toDateTime(received_at) + INTERVAL 7 DAY
SETTINGS non_replicated_deduplication_window = 10000;
