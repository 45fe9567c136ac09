-- The events that are a step of a funnel, one row each, in no order.
-- column user UInt64: a hash of the user's id, which is odd; 0 when there is none
-- column session UInt64: a hash of the session's id, which is even
-- column at_ms UInt32: milliseconds since `since_ms`
-- column steps UInt16: a bit for each step that the event can be, the first one lowest
-- column value String: what the breakdown tells the event apart by, if it can be an entry; empty when it has none
-- parameter since_ms Int64, until_ms Int64: the range, both ends belong to it
-- parameter names Array(String), masks Array(UInt16): the steps that go by each event name asked for
-- parameter all_names Array(String): the event names of all steps
-- parameter filtered UInt8: 1 if there are conditions; what a question does not need is not read
-- parameter filter_bits Array(UInt16): by filter, the step that it is a condition of
-- parameter filter_fields Array(String), filter_ops Array(String), filter_values Array(String): the conditions
-- parameter breakdown String: a field, or empty
-- parameter broken_down UInt8: 1 if it is not empty
-- parameter entry_steps UInt16: the steps that can be an entry
-- parameter sampled UInt8: 1 if not all are counted
-- parameter one_in UInt32: then one user in so many is counted, and one session in so many
-- parameter before_sign_in UInt8: 0: the events of those users, and of those sessions, whoever signs in during them. 1: what is
--   missing then, the events without a user in other sessions, during which one of those users signs in
-- parameter rows_max UInt64: rows read at most
SELECT
    -- The hashes of a sample are the columns', of 32 bits: to read the ids takes longer than everything else of an event.
    if({sampled:UInt8}, toUInt64(user_hash), ifNull(bitOr(cityHash64(user_id), 1), 0)) AS user,
    if({sampled:UInt8}, toUInt64(session_hash), bitAnd(cityHash64(session_id), bitNot(toUInt64(1)))) AS session,
    toUInt32(toUnixTimestamp64Milli(timestamp) - {since_ms:Int64}) AS at_ms,
    -- The casts make plain numbers and texts of what would come as LowCardinality.
    bitAnd(
        CAST(transform(toString(event_name), {names:Array(String)}, {masks:Array(UInt16)}, 0), 'UInt16'),
        bitNot(if(
            {filtered:UInt8},
            -- The steps that have a condition which does not hold.
            toUInt16(arrayReduce('groupBitOr', arrayMap(
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
            ))),
            toUInt16(0)
        ))
    ) AS steps,
    CAST(
        if(
            {broken_down:UInt8},
            multiIf(
                bitAnd(steps, {entry_steps:UInt16}) = 0, '',
                -- Of a user who is not counted, and is here for the session: reading JSON takes longer than all else of an event.
                user != 0 AND bitShiftRight(user, 1) % {one_in:UInt32} != 0, '',
                {breakdown:String} = 'device_type', toString(device_type),
                {breakdown:String} = 'country_code', toString(country_code),
                JSONExtractString(properties, substring({breakdown:String}, length('properties.') + 1))
            ),
            ''
        ),
        'String'
    ) AS value
FROM events
WHERE event_name IN {names:Array(String)}
    AND timestamp >= fromUnixTimestamp64Milli({since_ms:Int64})
    AND timestamp <= fromUnixTimestamp64Milli({until_ms:Int64})
    AND if(
        {before_sign_in:UInt8},
        user = 0
            AND bitShiftRight(session, 1) % {one_in:UInt32} != 0
            AND session_hash IN (
                SELECT session_hash
                FROM events
                WHERE {before_sign_in:UInt8}
                    AND event_name IN {all_names:Array(String)}
                    AND timestamp >= fromUnixTimestamp64Milli({since_ms:Int64})
                    AND timestamp <= fromUnixTimestamp64Milli({until_ms:Int64})
                    AND user_hash != 0
                    AND bitShiftRight(user_hash, 1) % {one_in:UInt32} = 0
            ),
        NOT {sampled:UInt8}
            OR bitShiftRight(session, 1) % {one_in:UInt32} = 0
            OR user != 0 AND bitShiftRight(user, 1) % {one_in:UInt32} = 0
    )
    -- Without conditions, each of these events is one of the steps.
    AND (NOT {filtered:UInt8} OR steps != 0)
-- In no order, since an answer is made of all rows; to reach the limit is an error.
LIMIT {rows_max:UInt64}
