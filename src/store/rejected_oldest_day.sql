-- The oldest day of events that validation rejected, if rejected_events takes more than its bytes.
-- column partition_id String: what DROP PARTITION ID takes
-- parameter bytes_max UInt64: bytes on disk from which the oldest day has to go
SELECT partition_id
FROM
(
    SELECT
        partition_id,
        partition,
        sum(sum(bytes_on_disk)) OVER () AS table_bytes
    FROM system.parts
    WHERE active AND database = currentDatabase() AND table = 'rejected_events'
    GROUP BY partition_id, partition
)
WHERE table_bytes > {bytes_max:UInt64} AND partition LIKE '(''ingest'',%'
ORDER BY partition
LIMIT 1
