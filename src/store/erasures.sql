-- Erasures, newest first.
-- column record String: JSON
-- parameter id String: of one alone, or empty for all
-- parameter unfinished UInt8: 1 for those alone that are not done
SELECT definition AS record
FROM weir_definitions FINAL
WHERE kind = 'erasure'
    AND ({id:String} = '' OR name = {id:String})
    AND ({unfinished:UInt8} = 0 OR JSONHas(definition, 'target'))
ORDER BY name DESC
LIMIT 1000
