-- The version that the tables have been brought to; 0 if none was recorded.
SELECT max(version) AS version
FROM weir_schema_versions
