-- From tables without a version. The rollups that they lack are added by init-db.sql.

-- A table of before the codecs gets them. Nothing is written anew: parts take them when they are merged.
ALTER TABLE events
    MODIFY COLUMN event_name CODEC(ZSTD(1)),
    MODIFY COLUMN timestamp CODEC(Delta, ZSTD(1)),
    MODIFY COLUMN session_id CODEC(ZSTD(1)),
    MODIFY COLUMN user_id CODEC(ZSTD(1)),
    MODIFY COLUMN device_type CODEC(ZSTD(1)),
    MODIFY COLUMN country_code CODEC(ZSTD(1)),
    MODIFY COLUMN properties CODEC(ZSTD(1)),
    MODIFY COLUMN event_id CODEC(ZSTD(1)),
    MODIFY COLUMN received_at CODEC(T64, ZSTD(1)),
    MODIFY COLUMN clock_skew_ms CODEC(ZSTD(1)),
    MODIFY COLUMN feature CODEC(ZSTD(1));

-- The forerunner of by_hour, which knew the users of features alone.
ALTER TABLE events DROP PROJECTION IF EXISTS feature_by_hour;
