-- Erases the rejected events that name a user, as a whole text or word anywhere in them: what was wrong with one may be the
-- name of the field. One may be no JSON, or cut.
-- parameter key_high UInt64, key_low UInt64, fingerprint String: stand for the user's id
-- parameter until_ms Int64: what was received up to this moment
ALTER TABLE rejected_events DELETE
WHERE received_at <= fromUnixTimestamp64Milli({until_ms:Int64})
    AND arrayExists(
        word -> hex(sipHash128Keyed(({key_high:UInt64}, {key_low:UInt64}), word)) = {fingerprint:String},
        arrayConcat(
            extractAll(raw, '[^\\s"{}\\[\\],:]+'),
            arrayMap(
                text -> if(position(text, '\\') = 0, text, JSONExtractString(concat('["', text, '"]'), 1)),
                extractAll(raw, '"((?:[^"\\\\]|\\\\.)*)"')
            )
        )
    )
