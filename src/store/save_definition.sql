-- Saves a definition under a name; an empty one deletes what is there.
-- parameter kind String, name String, definition String: what is saved
-- parameter at_ms Int64: the present
INSERT INTO weir_definitions (kind, name, definition, updated_at)
SELECT {kind:String}, {name:String}, {definition:String}, fromUnixTimestamp64Milli({at_ms:Int64})
