-- Erases the events without a user of sessions in which a user appears and no other: what the user did before the sign-in.
-- parameter key_high UInt64, key_low UInt64, fingerprint String: stand for the user's id
-- parameter until_ms Int64: what was received up to this moment
ALTER TABLE events DELETE
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
