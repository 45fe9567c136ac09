-- Erases the rejected events that name a user. What validation refused may name one as a whole text or word anywhere in it: what was
-- wrong with it may be the name of the field, and it may be no JSON, or cut. What was accepted is valid, and nowhere else: there, the
-- user is the one of the field.
-- parameter key_high UInt64, key_low UInt64, fingerprint String: stand for the user's id
-- parameter until_ms Int64: what was received up to this moment
ALTER TABLE rejected_events DELETE
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
