-- Which of Weir's tables are there, and the days after which their rows are deleted; 0 where there are none, or it cannot be told.
SELECT name, toUInt32OrZero(extract(engine_full, 'TTL (?:date|rejected_at) \\+ toIntervalDay\\((\\d+)\\)')) AS retention_days
FROM system.tables
WHERE database = currentDatabase()
    AND name IN ('weir_schema_versions', 'events', 'rejected_events', 'weir_definitions')
ORDER BY name
LIMIT 4
