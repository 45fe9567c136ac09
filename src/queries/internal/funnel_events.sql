-- The events that are a step of a funnel, one row each, in no order.
-- column actor UInt64: a hash of the user's id, or else the session's
-- column at_ms UInt64: milliseconds since `since_ms`
-- column steps UInt16: a bit for each step that the event can be, the first one lowest
-- column value String: what the breakdown tells the event apart by, if it can be an entry; empty when it has none
-- parameter since_ms Int64, until_ms Int64: the range, both ends belong to it
-- parameter names Array(String), masks Array(UInt16): the steps that go by each event name
-- parameter filter_bits Array(UInt16): by filter, the step that it is a condition of
-- parameter filter_fields Array(String), filter_ops Array(String), filter_values Array(String): the conditions
-- parameter breakdown String: a field, or empty
-- parameter entry_steps UInt16: the steps that can be an entry
-- parameter one_in UInt32: one actor in so many is counted
-- parameter rows_max UInt64: rows read at most
SELECT
    cityHash64(coalesce(user_id, session_id)) AS actor,
    toUInt64(toUnixTimestamp64Milli(timestamp) - {since_ms:Int64}) AS at_ms,
    bitAnd(
        toUInt16(transform(toString(event_name), {names:Array(String)}, {masks:Array(UInt16)}, 0)),
        bitNot(toUInt16(if(
            empty({filter_bits:Array(UInt16)}),
            0,
            -- The steps that have a condition which does not hold.
            arrayReduce('groupBitOr', arrayMap(
                (bit, field, op, wanted, text) -> if(
                    multiIf(
                        op = '=', text = wanted,
                        op = '!=', text != wanted,
                        op = 'contains', positionCaseInsensitiveUTF8(text, wanted) > 0,
                        op = 'exists', text != '' OR JSONHas(properties, substring(field, length('properties.') + 1)),
                        op = '<', ifNull(toFloat64OrNull(text) < toFloat64OrNull(wanted), 0),
                        op = '>', ifNull(toFloat64OrNull(text) > toFloat64OrNull(wanted), 0),
                        0
                    ),
                    0,
                    bit
                ),
                {filter_bits:Array(UInt16)},
                {filter_fields:Array(String)},
                {filter_ops:Array(String)},
                {filter_values:Array(String)},
                arrayMap(
                    field -> multiIf(
                        field = 'device_type', toString(device_type),
                        field = 'country_code', toString(country_code),
                        JSONExtractString(properties, substring(field, length('properties.') + 1))
                    ),
                    {filter_fields:Array(String)}
                )
            ))
        )))
    ) AS steps,
    multiIf(
        bitAnd(steps, {entry_steps:UInt16}) = 0, '',
        {breakdown:String} = '', '',
        {breakdown:String} = 'device_type', toString(device_type),
        {breakdown:String} = 'country_code', toString(country_code),
        JSONExtractString(properties, substring({breakdown:String}, length('properties.') + 1))
    ) AS value
FROM events
WHERE event_name IN {names:Array(String)}
    AND timestamp >= fromUnixTimestamp64Milli({since_ms:Int64})
    AND timestamp <= fromUnixTimestamp64Milli({until_ms:Int64})
    AND cityHash64(coalesce(user_id, session_id)) % {one_in:UInt32} = 0
    AND steps != 0
-- In no order, since an answer is made of all rows; to reach the limit is an error.
LIMIT {rows_max:UInt64}
