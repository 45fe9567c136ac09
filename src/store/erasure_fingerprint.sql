-- What stands for a user's id while its events are erased: a keyed hash, which nobody can turn back without the key.
-- column fingerprint String: in hexadecimal digits
-- parameter key_high UInt64, key_low UInt64: drawn for one erasure
-- parameter user_id String: the id
SELECT hex(sipHash128Keyed(({key_high:UInt64}, {key_low:UInt64}), {user_id:String})) AS fingerprint
LIMIT 1
