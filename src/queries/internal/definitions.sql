-- What was saved under a name.
-- column name String: unique
-- column definition String: JSON
-- column updated_at DateTime64(3, 'UTC'): when it was saved
-- parameter kind String: what it defines
SELECT
    name,
    definition,
    toTimeZone(updated_at, 'UTC') AS updated_at
FROM weir_definitions FINAL
WHERE kind = {kind:String} AND definition != ''
ORDER BY name
LIMIT 1000
