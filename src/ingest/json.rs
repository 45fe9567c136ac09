//! A strict JSON reader (RFC 8259) over a byte slice: one pass, no recursion, no allocation, borrowed values.
//!
//! Events are a flat object whose `properties` are kept as text, so a tree is never built. What is accepted here can be
//! read again by ClickHouse: surrogates come in pairs, numbers fit a double, nesting is bounded.
//! UTF-8 is the caller's to check.

use std::borrow::Cow;

/// Where reading stopped, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SyntaxError {
    /// Byte offset in the input.
    pub at: usize,
    pub reason: &'static str,
}

/// A value's kind and the text it was read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    Null,
    Bool,
    Number(&'a [u8]),
    String(RawString<'a>),
    Array,
    Object(&'a [u8]),
}

impl Value<'_> {
    /// For messages: "a number".
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool => "true or false",
            Self::Number(_) => "a number",
            Self::String(_) => "a string",
            Self::Array => "an array",
            Self::Object(_) => "an object",
        }
    }
}

/// What stood between the quotes of a valid string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawString<'a> {
    raw: &'a [u8],
    escaped: bool,
}

impl<'a> RawString<'a> {
    /// The text, with its escapes resolved.
    pub fn text(self) -> Cow<'a, [u8]> {
        match self.escaped {
            false => Cow::Borrowed(self.raw),
            true => Cow::Owned(unescape(self.raw)),
        }
    }
}

/// A position in JSON text.
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    depth_max: usize,
}

impl<'a> Reader<'a> {
    /// Reads `bytes`; values may nest `depth_max` deep.
    pub fn new(bytes: &'a [u8], depth_max: usize) -> Self {
        Self { bytes, at: 0, depth_max }
    }

    pub fn at(&self) -> usize {
        self.at
    }

    /// The next byte that is no white space.
    pub fn peek(&mut self) -> Option<u8> {
        loop {
            match self.bytes.get(self.at) {
                Some(b' ' | b'\n' | b'\t' | b'\r') => self.at += 1,
                other => return other.copied(),
            }
        }
    }

    /// Steps over `byte` if it comes next.
    pub fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    pub fn expect(&mut self, byte: u8, reason: &'static str) -> Result<(), SyntaxError> {
        match self.take(byte) {
            true => Ok(()),
            false => self.fail(reason),
        }
    }

    fn fail<T>(&self, reason: &'static str) -> Result<T, SyntaxError> {
        Err(SyntaxError { at: self.at, reason })
    }

    /// A key of an object and the colon behind it.
    pub fn key(&mut self) -> Result<RawString<'a>, SyntaxError> {
        if self.peek() != Some(b'"') {
            return self.fail("expected a key in double quotes");
        }
        let key = self.string()?;
        self.expect(b':', "expected a colon after the key")?;
        Ok(key)
    }

    /// Any value; arrays and objects are checked to their end.
    pub fn value(&mut self) -> Result<Value<'a>, SyntaxError> {
        match self.peek() {
            Some(b'"') => self.string().map(Value::String),
            Some(b'{') => self.nested().map(Value::Object),
            Some(b'[') => self.nested().map(|_| Value::Array),
            _ => self.scalar(),
        }
    }

    fn scalar(&mut self) -> Result<Value<'a>, SyntaxError> {
        match self.peek() {
            Some(b'n') => self.word(b"null", Value::Null),
            Some(b't') => self.word(b"true", Value::Bool),
            Some(b'f') => self.word(b"false", Value::Bool),
            Some(b'-' | b'0'..=b'9') => self.number().map(Value::Number),
            _ => self.fail("expected a JSON value"),
        }
    }

    fn word(&mut self, word: &[u8], value: Value<'a>) -> Result<Value<'a>, SyntaxError> {
        match self.bytes[self.at..].starts_with(word) {
            true => {
                self.at += word.len();
                Ok(value)
            }
            false => self.fail("expected a JSON value"),
        }
    }

    fn number(&mut self) -> Result<&'a [u8], SyntaxError> {
        let start = self.at;
        self.at += usize::from(self.bytes[start] == b'-');
        match self.digits() {
            0 => return self.fail("expected a digit"),
            digits if digits > 1 && self.bytes[self.at - digits] == b'0' => {
                return self.fail("a number must not begin with a zero");
            }
            _ => {}
        }
        if self.bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            if self.digits() == 0 {
                return self.fail("expected a digit after the point");
            }
        }
        if let Some(b'e' | b'E') = self.bytes.get(self.at) {
            self.at += 1;
            self.at += usize::from(matches!(self.bytes.get(self.at), Some(b'+' | b'-')));
            if self.digits() == 0 {
                return self.fail("expected a digit in the exponent");
            }
        }
        let text = &self.bytes[start..self.at];
        let short = text.len() < 20 && !text.iter().any(|byte| matches!(byte, b'e' | b'E'));
        if short || is_finite(text) { Ok(text) } else { self.fail("the number does not fit a double") }
    }

    fn digits(&mut self) -> usize {
        let digits = self.bytes[self.at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += digits;
        digits
    }

    /// A string; `peek` has seen its opening quote.
    fn string(&mut self) -> Result<RawString<'a>, SyntaxError> {
        self.at += 1;
        let start = self.at;
        let mut escaped = false;
        loop {
            self.at += plain_length(&self.bytes[self.at..]);
            match self.bytes.get(self.at) {
                Some(b'"') => {
                    let raw = &self.bytes[start..self.at];
                    self.at += 1;
                    return Ok(RawString { raw, escaped });
                }
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                Some(_) => return self.fail("a control character in a string must be escaped"),
                None => return self.fail("the string has no end"),
            }
        }
    }

    fn escape(&mut self) -> Result<(), SyntaxError> {
        match self.bytes.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.at += 2;
                Ok(())
            }
            Some(b'u') => match self.code_unit()? {
                0xd800..=0xdbff => match self.code_unit() {
                    Ok(0xdc00..=0xdfff) => Ok(()),
                    _ => self.fail("a high surrogate needs a low one after it"),
                },
                0xdc00..=0xdfff => self.fail("a low surrogate needs a high one before it"),
                _ => Ok(()),
            },
            _ => self.fail("unknown escape in a string"),
        }
    }

    /// `\uXXXX` at the current position.
    fn code_unit(&mut self) -> Result<u16, SyntaxError> {
        let Some(&[b'\\', b'u', ref digits @ ..]) = self.bytes.get(self.at..self.at + 6) else {
            return self.fail("expected \\u and four hexadecimal digits");
        };
        let mut unit = 0;
        for digit in digits {
            match char::from(*digit).to_digit(16) {
                Some(value) => unit = unit << 4 | value as u16,
                None => return self.fail("expected \\u and four hexadecimal digits"),
            }
        }
        self.at += 6;
        Ok(unit)
    }

    /// An array or object with all that is in it, without recursion: hostile nesting costs a bit a level.
    fn nested(&mut self) -> Result<&'a [u8], SyntaxError> {
        let start = self.at;
        let mut open = Nesting::default();
        loop {
            // A value is due here.
            match self.peek() {
                Some(opener @ (b'{' | b'[')) => {
                    if open.depth == self.depth_max.min(Nesting::DEPTH_MAX) {
                        return self.fail("nested too deeply");
                    }
                    self.at += 1;
                    let closer = if opener == b'{' { b'}' } else { b']' };
                    if !self.take(closer) {
                        open.push(opener == b'{');
                        if opener == b'{' {
                            self.key()?;
                        }
                        continue;
                    }
                }
                Some(b'"') => {
                    self.string()?;
                }
                _ => {
                    self.scalar()?;
                }
            }
            // A value has ended: close what ends with it, or go on to the next.
            loop {
                if open.depth == 0 {
                    return Ok(&self.bytes[start..self.at]);
                }
                if self.take(b',') {
                    if open.in_object() {
                        self.key()?;
                    }
                    break;
                }
                let (closer, reason) = match open.in_object() {
                    true => (b'}', "expected a comma or } in the object"),
                    false => (b']', "expected a comma or ] in the array"),
                };
                self.expect(closer, reason)?;
                open.pop();
            }
        }
    }

    /// Moves from `start`, where an element of an array begins, to the comma or bracket behind it, however broken the
    /// element is inside; only strings and brackets are looked at. `None` if the text ends first.
    pub fn skip_broken_element(&mut self, start: usize) -> Option<&'a [u8]> {
        let (mut depth, mut in_string) = (0_usize, false);
        let mut at = start;
        loop {
            match (in_string, *self.bytes.get(at)?) {
                (true, b'\\') => at += 1,
                (_, b'"') => in_string = !in_string,
                (false, b'{' | b'[') => depth += 1,
                (false, b',' | b']') if depth == 0 => break,
                (false, b'}' | b']') => depth = depth.checked_sub(1)?,
                _ => {}
            }
            at += 1;
        }
        self.at = at;
        self.bytes.get(start..at)
    }
}

/// Which of the open brackets are objects: one bit a level.
#[derive(Default)]
struct Nesting {
    objects: u128,
    depth: usize,
}

impl Nesting {
    const DEPTH_MAX: usize = u128::BITS as usize;

    fn push(&mut self, object: bool) {
        self.objects = self.objects << 1 | u128::from(object);
        self.depth += 1;
    }

    fn pop(&mut self) {
        self.objects >>= 1;
        self.depth -= 1;
    }

    fn in_object(&self) -> bool {
        self.objects & 1 == 1
    }
}

/// Bytes before the first quote, backslash or control character. Eight at a time: strings are most of a body.
fn plain_length(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::MAX / 255;
    const HIGHS: u64 = ONES * 0x80;
    // The lowest flagged byte is exact, see "Determine if a word has a byte less than n" in
    // https://graphics.stanford.edu/~seander/bithacks.html; bytes above it may be flagged wrongly.
    let zero_bytes = |word: u64| word.wrapping_sub(ONES) & !word & HIGHS;
    let mut at = 0;
    while let Some(chunk) = bytes[at..].first_chunk::<8>() {
        let word = u64::from_le_bytes(*chunk);
        let control = word.wrapping_sub(ONES * 0x20) & !word & HIGHS;
        let special =
            control | zero_bytes(word ^ (ONES * u64::from(b'"'))) | zero_bytes(word ^ (ONES * u64::from(b'\\')));
        if special != 0 {
            return at + special.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    let rest = bytes[at..].iter().take_while(|byte| !matches!(byte, b'"' | b'\\' | 0..=0x1f)).count();
    at + rest
}

fn is_finite(number: &[u8]) -> bool {
    std::str::from_utf8(number).ok().and_then(|text| text.parse::<f64>().ok()).is_some_and(f64::is_finite)
}

/// Resolves the escapes of a string that `Reader::string` has checked.
fn unescape(raw: &[u8]) -> Vec<u8> {
    let mut quoted = Vec::with_capacity(raw.len() + 2);
    quoted.push(b'"');
    quoted.extend_from_slice(raw);
    quoted.push(b'"');
    // Fails only on invalid UTF-8, which the caller reports.
    serde_json::from_slice::<String>(&quoted).map_or_else(|_| raw.to_vec(), String::into_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DEPTH_MAX: usize = 64;

    fn read(text: &[u8]) -> Result<Value<'_>, SyntaxError> {
        let mut reader = Reader::new(text, DEPTH_MAX);
        let value = reader.value()?;
        match reader.peek() {
            None => Ok(value),
            Some(_) => reader.fail("more text"),
        }
    }

    #[test]
    fn hostile_texts_are_refused_without_harm() {
        let deep = "[".repeat(400_000);
        let deep_objects = r#"{"a":"#.repeat(400_000);
        let cases: &[(&str, &str)] = &[
            (&deep, "nested too deeply"),
            (&deep_objects, "nested too deeply"),
            ("1e999999", "the number does not fit a double"),
            (r#""\ud800""#, "a high surrogate needs a low one after it"),
            (r#""\udc00""#, "a low surrogate needs a high one before it"),
            (r#""\x""#, "unknown escape in a string"),
            ("\"a\u{0}b\"", "a control character in a string must be escaped"),
            ("\"abc", "the string has no end"),
            ("01", "a number must not begin with a zero"),
            ("-", "expected a digit"),
            ("{\"a\" 1}", "expected a colon after the key"),
            ("{1:1}", "expected a key in double quotes"),
            ("[1 2]", "expected a comma or ] in the array"),
            ("[1,]", "expected a JSON value"),
            ("NaN", "expected a JSON value"),
        ];
        for (text, reason) in cases {
            let found = read(text.as_bytes()).expect_err(&text[..text.len().min(20)]);
            assert_eq!(found.reason, *reason, "{}", &text[..text.len().min(20)]);
        }
    }

    #[test]
    fn strings_of_every_length_end_where_they_end() {
        for length in 0..40 {
            for ending in ["\"", "\\", "\u{1}"] {
                let text = format!("{}{ending}tail\"", "é".repeat(length));
                assert_eq!(plain_length(text.as_bytes()), 2 * length, "{text}");
            }
        }
    }

    #[test]
    fn escapes_are_resolved() {
        let Ok(Value::String(string)) = read(r#""a\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00""#.as_bytes()) else {
            panic!("a valid string");
        };
        assert_eq!(string.text(), "a\"\\/\u{8}\u{c}\n\r\té😀".as_bytes());
    }

    fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            any::<f64>().prop_map(Into::into),
            any::<String>().prop_map(Into::into),
        ];
        leaf.prop_recursive(8, 64, 8, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..8).prop_map(Into::into),
                prop::collection::hash_map(any::<String>(), inner, 0..8)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn every_json_text_is_read_to_its_end(value in json(), pretty: bool) {
            let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) };
            prop_assert!(read(text.expect("serializable").as_bytes()).is_ok());
        }

        /// One changed byte: both readers agree on whether this is still JSON.
        #[test]
        fn damaged_texts_are_judged_as_by_serde_json(value in json(), at: prop::sample::Index, byte in 0_u8..0x80) {
            let mut text = serde_json::to_string(&value).expect("serializable").into_bytes();
            let at = at.index(text.len());
            text[at] = byte;
            prop_assume!(std::str::from_utf8(&text).is_ok());
            let reference = serde_json::from_slice::<serde_json::Value>(&text);
            prop_assert_eq!(read(&text).is_ok(), reference.is_ok(), "{:?}", reference);
        }
    }
}
