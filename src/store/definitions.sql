-- What was saved of some kinds, each under its name.
-- parameter kinds Array(String): what they define
-- column kind String
-- column name String: unique in its kind
-- column definition String: JSON
-- column updated_at DateTime64(3, 'UTC'): when it was saved
SELECT
    kind,
    name,
    definition,
    toTimeZone(updated_at, 'UTC') AS updated_at
FROM weir_definitions FINAL
WHERE kind IN {kinds:Array(String)} AND definition != ''
ORDER BY kind, name
LIMIT 3000
