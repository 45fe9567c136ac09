-- Which of Weir's tables are there, and the days after which events are deleted; 0 where that cannot be told.
SELECT name, toUInt32OrZero(extract(engine_full, 'TTL date \\+ toIntervalDay\\((\\d+)\\)')) AS retention_days
FROM system.tables
WHERE database = currentDatabase()
    AND name IN ('weir_schema_versions', 'events', 'rejected_events', 'weir_definitions')
ORDER BY name
LIMIT 4
