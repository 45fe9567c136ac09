//! What went wrong with ClickHouse, and whether trying again can help: decided here and nowhere else.

/// An error of ClickHouse or of the way to it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The same request may succeed later.
    #[error("ClickHouse is not available: {0}")]
    Transient(String),
    /// The same request will never succeed.
    #[error("ClickHouse refuses the request: {0}")]
    Permanent(String),
    /// A query ran into one of its limits.
    #[error("the query took longer than its limit")]
    OverLimit,
}

/// Exceptions that lie in the data or the statement: <https://github.com/ClickHouse/ClickHouse/blob/master/src/Common/ErrorCodes.cpp>.
/// Everything else is tried again: a refusal that is not understood must not cost an event.
const PERMANENT_CODES: [u32; 12] = [
    6,   // CANNOT_PARSE_TEXT
    26,  // CANNOT_PARSE_QUOTED_STRING
    27,  // CANNOT_PARSE_INPUT_ASSERTION_FAILED
    33,  // CANNOT_READ_ALL_DATA
    41,  // CANNOT_PARSE_DATETIME
    53,  // TYPE_MISMATCH
    62,  // SYNTAX_ERROR
    69,  // ARGUMENT_OUT_OF_BOUND
    70,  // CANNOT_CONVERT_TYPE
    117, // INCORRECT_DATA
    131, // TOO_LARGE_STRING_SIZE
    349, // CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN
];

/// TIMEOUT_EXCEEDED, TOO_SLOW, TOO_MANY_ROWS, TOO_MANY_BYTES, MEMORY_LIMIT_EXCEEDED of a query.
const OVER_LIMIT_CODES: [u32; 5] = [159, 160, 158, 307, 241];

impl StoreError {
    /// Classifies a reply. `code`: the header `X-ClickHouse-Exception-Code`, else it is looked for in the message.
    pub fn from_message(status: u16, code: Option<u32>, message: &str) -> Self {
        let code = code.or_else(|| code_in(message));
        let first_line = message.lines().next().unwrap_or_default();
        let text = format!("HTTP {status}: {first_line}");
        match code {
            Some(code) if PERMANENT_CODES.contains(&code) => Self::Permanent(text),
            _ => Self::Transient(text),
        }
    }

    pub fn is_permanent(&self) -> bool {
        matches!(self, Self::Permanent(_))
    }

    /// For a query, running into a limit is an outcome of its own.
    pub fn of_query(self) -> Self {
        match &self {
            Self::Transient(message) if code_in(message).is_some_and(|code| OVER_LIMIT_CODES.contains(&code)) => {
                Self::OverLimit
            }
            _ => self,
        }
    }
}

/// `Code: 117. DB::Exception: …`
fn code_in(message: &str) -> Option<u32> {
    let rest = message.split_once("Code: ")?.1;
    rest[..rest.find(|character: char| !character.is_ascii_digit())?].parse().ok()
}

impl From<reqwest::Error> for StoreError {
    /// The text has no URL: it would hold the parameters.
    fn from(error: reqwest::Error) -> Self {
        let mut text = error.without_url().to_string();
        text.truncate(200);
        Self::Transient(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_errors_are_permanent_and_the_rest_is_tried_again() {
        let classify = |status, code, message| StoreError::from_message(status, code, message).is_permanent();
        for code in [27, 53, 117] {
            assert!(classify(500, Some(code), ""), "{code}");
        }
        for code in [60, 202, 241, 252, 497, 999] {
            assert!(!classify(500, Some(code), ""), "{code}");
        }
        assert!(!classify(404, None, ""));
        assert!(!classify(429, None, "Too Many Requests"));
        assert!(classify(200, None, "Code: 117. DB::Exception: Incorrect data"));
    }
}
