-- Saves a definition under a name; an empty one deletes what is there.
-- parameter kind String, name String, definition String: what is saved
-- parameter at_ms Int64: the present. What was saved before is older than what is saved now, whatever the clocks say.
INSERT INTO weir_definitions (kind, name, definition, updated_at)
SELECT
    {kind:String},
    {name:String},
    {definition:String},
    greatest(
        fromUnixTimestamp64Milli({at_ms:Int64}),
        (
            SELECT max(updated_at)
            FROM weir_definitions
            WHERE kind = {kind:String} AND name = {name:String}
        ) + toIntervalMillisecond(1)
    )
