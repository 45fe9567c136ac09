//! What went wrong with ClickHouse, and whether trying again can help: decided here and nowhere else.

use std::error::Error;

/// An error of ClickHouse or of the way to it. All but `NewerSchema`, `Permanent` and `OverLimit` may be gone at the next attempt.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// No answer: whether the request was carried out is not known.
    #[error("ClickHouse does not answer: {0}")]
    Unreachable(String),
    /// An answer that says no for now.
    #[error("ClickHouse is not available: {0}")]
    Transient(String),
    /// The tables are not there; they can be created.
    #[error("ClickHouse does not have the tables: {0}")]
    NoSchema(String),
    /// The tables are of a later version than this program knows; only a newer program may change them.
    #[error(
        "the tables in the database {database} have version {found} of the schema, which a newer weir has made; this one \
         knows version {known}: start the newer one, or set CLICKHOUSE_DATABASE to another database"
    )]
    NewerSchema { database: String, found: u32, known: u32 },
    /// The same request will never succeed.
    #[error("ClickHouse refuses the request: {0}")]
    Permanent(String),
    /// A query ran into one of its limits.
    #[error("the query needs more time, memory or rows than its limits allow")]
    OverLimit,
}

/// Exceptions that lie in the data or the statement: <https://github.com/ClickHouse/ClickHouse/blob/master/src/Common/ErrorCodes.cpp>.
/// Everything else is tried again: a refusal that is not understood must not cost an event.
const PERMANENT_CODES: [u32; 13] = [
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
    469, // VIOLATED_CONSTRAINT
];

/// UNKNOWN_TABLE, UNKNOWN_DATABASE.
const NO_SCHEMA_CODES: [u32; 2] = [60, 81];

/// TIMEOUT_EXCEEDED, TOO_SLOW, TOO_MANY_ROWS, TOO_MANY_BYTES, MEMORY_LIMIT_EXCEEDED, TOO_MANY_ROWS_OR_BYTES of a query.
const OVER_LIMIT_CODES: [u32; 6] = [159, 160, 158, 307, 241, 396];

const NO_SUCH_PROJECTION_IN_TABLE: u32 = 582;

/// A message of the network is cut to this many characters.
const MESSAGE_CHARS_MAX: usize = 200;

impl StoreError {
    /// Classifies a reply. `code`: the header `X-ClickHouse-Exception-Code`, else it is looked for in the message.
    pub fn from_message(status: u16, code: Option<u32>, message: &str) -> Self {
        let code = code.or_else(|| code_in(message));
        let first_line = message.trim_start().lines().next().unwrap_or_default();
        let text = match (code, code_in(first_line)) {
            (Some(code), None) => format!("HTTP {status}: Code: {code}. {first_line}"),
            _ => format!("HTTP {status}: {first_line}"),
        };
        match code {
            Some(code) if PERMANENT_CODES.contains(&code) => Self::Permanent(text),
            Some(code) if NO_SCHEMA_CODES.contains(&code) => Self::NoSchema(text),
            _ => Self::Transient(text),
        }
    }

    /// Whether a query was planned with a rollup that was dropped before it was read.
    pub(super) fn is_lost_rollup(&self) -> bool {
        matches!(self, Self::Transient(message) if code_in(message) == Some(NO_SUCH_PROJECTION_IN_TABLE))
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
    /// The text has no URL: it would hold the parameters. What failed stands at the end of the chain of causes.
    fn from(error: reqwest::Error) -> Self {
        let error = error.without_url();
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(inner) = cause {
            text = format!("{text}: {inner}");
            cause = inner.source();
        }
        Self::Unreachable(text.chars().take(MESSAGE_CHARS_MAX).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_answer_is_permanent_or_tried_again() {
        #[derive(Debug, PartialEq)]
        enum Class {
            Transient,
            NoSchema,
            Permanent,
        }
        let exception = |code: u32| format!("Code: {code}. DB::Exception: what happened");
        for (status, header, message, expected) in [
            (500, Some(27), "", Class::Permanent),
            (500, Some(53), "", Class::Permanent),
            (400, Some(117), "", Class::Permanent),
            (500, Some(469), "", Class::Permanent),
            (500, None, &exception(117), Class::Permanent),
            // An exception after the status line had gone out.
            (200, Some(117), "", Class::Permanent),
            (200, None, &exception(117), Class::Permanent),
            (200, None, &exception(252), Class::Transient),
            (404, Some(60), "", Class::NoSchema),
            (404, None, &exception(60), Class::NoSchema),
            (404, Some(81), "", Class::NoSchema),
            (503, Some(202), "", Class::Transient),
            (500, Some(241), "", Class::Transient),
            (500, Some(252), "", Class::Transient),
            (403, Some(497), "", Class::Transient),
            (403, Some(516), "", Class::Transient),
            (500, Some(99_999), "", Class::Transient),
            (400, None, "bad request", Class::Transient),
            (404, None, "no such page", Class::Transient),
            (413, None, "", Class::Transient),
            (429, None, "Too Many Requests", Class::Transient),
            (500, None, "", Class::Transient),
            (502, None, "<html>", Class::Transient),
            (503, None, "", Class::Transient),
            (504, None, "Code: x", Class::Transient),
        ] {
            let class = match StoreError::from_message(status, header, message) {
                StoreError::Transient(_) => Class::Transient,
                StoreError::NoSchema(_) => Class::NoSchema,
                StoreError::Permanent(_) => Class::Permanent,
                other => panic!("{other:?}"),
            };
            assert_eq!(class, expected, "{status} {header:?} {message:?}");
        }
    }

    #[test]
    fn a_query_over_its_limits_is_told_from_a_server_that_is_not_there() {
        let of_query = |code| StoreError::from_message(500, Some(code), "").of_query();
        assert_eq!(of_query(159), StoreError::OverLimit);
        let lost = "Code: 582. DB::Exception: There is no projection by_day in table. (NO_SUCH_PROJECTION_IN_TABLE)";
        assert!(StoreError::from_message(500, Some(582), lost).is_lost_rollup() && !of_query(202).is_lost_rollup());
        assert!(matches!(of_query(202), StoreError::Transient(_)));
    }
}
