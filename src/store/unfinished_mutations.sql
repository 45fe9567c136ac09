-- What ClickHouse has still to do to change the parts of a table, as when a rollup is built or a user is erased.
-- column mutations UInt64: mutations that are not done
-- column parts UInt64: parts that they have still to change
-- column failure String: why the latest attempt to change one failed, or empty
-- parameter table String: the table
SELECT
    count() AS mutations,
    toUInt64(sum(parts_to_do)) AS parts,
    max(latest_fail_reason) AS failure
FROM system.mutations
WHERE database = currentDatabase() AND table = {table:String} AND NOT is_done
LIMIT 1
