-- Erases the events of a user.
-- parameter key_high UInt64, key_low UInt64, fingerprint String: stand for the user's id
-- parameter until_ms Int64: what was received up to this moment
ALTER TABLE events DELETE
WHERE hex(sipHash128Keyed(({key_high:UInt64}, {key_low:UInt64}), user_id)) = {fingerprint:String}
    AND received_at <= fromUnixTimestamp64Milli({until_ms:Int64})
