-- What ClickHouse says of itself, of the events it keeps and of the disk they are on.
-- column version String: of ClickHouse
-- column events Nullable(UInt64): how many are kept; null while there is no table
-- column events_bytes Nullable(UInt64): what they take on disk, compressed, with their rollups
-- column disk_free_bytes Nullable(UInt64): of the disk that ClickHouse works on; null of one without a bound, such as object storage
-- column disk_bytes Nullable(UInt64): all of that disk
SELECT
    version() AS version,
    max(total_rows) AS events,
    max(total_bytes) AS events_bytes,
    -- Functions, because system.disks needs a grant.
    if(disk_bytes IS NULL, NULL, filesystemAvailable()) AS disk_free_bytes,
    if(filesystemCapacity() < 9223372036854775807, filesystemCapacity(), NULL) AS disk_bytes
FROM system.tables
WHERE database = currentDatabase() AND name = 'events'
LIMIT 1
