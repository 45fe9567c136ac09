-- What the tables hold of a user that is to be erased, up to a moment.
-- column events UInt64: the user's
-- column session_events UInt64: events without a user, of sessions in which this user appears and no other
-- column rejected_events UInt64: those that name the user: of accepted ones in `user_id`, of others as a whole text or word anywhere
-- parameter key_high UInt64, key_low UInt64, fingerprint String: stand for the user's id
-- parameter until_ms Int64: what was received up to this moment
SELECT
    (
        SELECT count()
        FROM events
        WHERE hex(sipHash128Keyed(({key_high:UInt64}, {key_low:UInt64}), user_id)) = {fingerprint:String}
            AND received_at <= fromUnixTimestamp64Milli({until_ms:Int64})
    ) AS events,
    (
        SELECT count()
        FROM events
        WHERE isNull(user_id)
            AND received_at <= fromUnixTimestamp64Milli({until_ms:Int64})
            AND session_id IN (
                SELECT session_id
                FROM events
                WHERE isNotNull(user_id)
                    AND session_id IN (
                        SELECT session_id
                        FROM events
                        WHERE hex(sipHash128Keyed(({key_high:UInt64}, {key_low:UInt64}), user_id)) = {fingerprint:String}
                    )
                GROUP BY session_id
                HAVING min(hex(sipHash128Keyed(({key_high:UInt64}, {key_low:UInt64}), user_id)) = {fingerprint:String}) = 1
            )
    ) AS session_events,
    (
        SELECT count()
        FROM rejected_events
        WHERE received_at <= fromUnixTimestamp64Milli({until_ms:Int64})
            AND if(
                source = 'store',
                hex(sipHash128Keyed(({key_high:UInt64}, {key_low:UInt64}), JSONExtractString(raw, 'user_id'))) = {fingerprint:String},
                arrayExists(
                    word -> hex(sipHash128Keyed(({key_high:UInt64}, {key_low:UInt64}), word)) = {fingerprint:String},
                    arrayConcat(
                        extractAll(raw, '[^\\s"{}\\[\\],:]+'),
                        arrayMap(
                            text -> if(position(text, '\\') = 0, text, JSONExtractString(concat('["', text, '"]'), 1)),
                            extractAll(raw, '"((?:[^"\\\\]|\\\\.)*)"')
                        )
                    )
                )
            )
    ) AS rejected_events
LIMIT 1
