//! Marks with a text at a moment, such as "fix deployed", which charts over time draw.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    answers::Answers,
    arguments::ArgumentError,
    computation::Waiting,
    definitions::{DEFINITIONS_MAX, Definition, Kind, definitions},
    latest::Content,
    range::{Ago, Range},
};
use crate::{
    clock::rfc3339,
    store::{Store, StoreError, is_text_of},
};

/// What this process changes is read at once; what another one does, after so long. Pages ask with each revision, and cost
/// ClickHouse one query in this time, however many they are.
pub(super) const MARKS_VALID: Duration = Duration::from_secs(5);

/// Characters of a text: what a chart has room for in a line or two.
const ANNOTATION_CHARS_MAX: usize = 200;

/// A text at a moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Annotation {
    pub id: String,
    pub text: String,
    /// RFC 3339.
    pub at: String,
}

/// An annotation to be made.
#[derive(Debug, Clone, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAnnotation {
    /// 1 to 200 characters, none of them a control character.
    #[schema(min_length = 1, max_length = 200)]
    pub text: String,
    /// RFC 3339; absent: now.
    pub at: Option<String>,
}

/// Why it is not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnnotationError {
    #[error("text has 1 to {ANNOTATION_CHARS_MAX} characters, none of them a control character")]
    Text,
    #[error("at must be a time with its offset, like 2026-01-31T12:00:00Z")]
    At,
    #[error("there are {DEFINITIONS_MAX} already; delete some first")]
    TooMany,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The span of time that is asked about; an end that is none is open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Window {
    pub since_ms: Option<i64>,
    pub until_ms: Option<i64>,
}

/// What is kept of one, under its id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    text: String,
    at_ms: i64,
}

/// All of them by their ids, oldest first.
pub(super) type Marks = Arc<Vec<(String, Mark)>>;

impl NewAnnotation {
    fn checked(self, now_ms: i64) -> Result<Mark, AnnotationError> {
        if !is_text_of(ANNOTATION_CHARS_MAX, &self.text) {
            return Err(AnnotationError::Text);
        }
        let at = self.at.map(|at| at.parse::<jiff::Timestamp>().map_err(|_| AnnotationError::At)).transpose()?;
        Ok(Mark { text: self.text, at_ms: at.map_or(now_ms, jiff::Timestamp::as_millisecond) })
    }
}

impl Window {
    /// What the charts of a query draw that is asked with this `range` and `ago`.
    pub fn of_range(range: &str, ago: &str, now_ms: i64) -> Result<Self, ArgumentError> {
        let until_ms = now_ms - Ago::from_name(ago).ok_or_else(|| Ago::error(ago))?.milliseconds();
        let range = Range::from_name(range).ok_or_else(|| Range::error(range))?;
        Ok(Self { since_ms: Some(range.first_bucket_ms(until_ms)), until_ms: Some(until_ms) })
    }

    fn holds(self, at_ms: i64) -> bool {
        self.since_ms.is_none_or(|since_ms| since_ms <= at_ms) && self.until_ms.is_none_or(|until_ms| at_ms <= until_ms)
    }
}

impl Annotation {
    fn new(id: &str, Mark { text, at_ms }: &Mark) -> Self {
        Self { id: id.to_owned(), text: text.clone(), at: rfc3339(*at_ms) }
    }
}

impl Answers {
    /// The annotations of a span of time, oldest first.
    pub async fn annotations(&self, window: Window) -> Result<Vec<Annotation>, StoreError> {
        let marks = self.marks().await?;
        Ok(marks
            .iter()
            .filter(|(_, mark)| window.holds(mark.at_ms))
            .map(|(id, mark)| Annotation::new(id, mark))
            .collect())
    }

    pub async fn annotate(&self, annotation: NewAnnotation) -> Result<Annotation, AnnotationError> {
        let mark = annotation.checked(self.now_ms())?;
        if read(&self.store).await?.len() >= DEFINITIONS_MAX {
            return Err(AnnotationError::TooMany);
        }
        let id = format!("{:032x}", rand::random::<u128>());
        self.save_definition(Kind::Annotation, &id, &mark).await?;
        self.tell_of_marks();
        Ok(Annotation::new(&id, &mark))
    }

    /// Whether there was one.
    pub async fn delete_annotation(&self, id: &str) -> Result<bool, StoreError> {
        if !read(&self.store).await?.iter().any(|(known, _)| known == id) {
            return Ok(false);
        }
        self.delete_definition(Kind::Annotation, id).await?;
        self.tell_of_marks();
        Ok(true)
    }

    /// Open pages ask again with the next revision, and get what was changed.
    fn tell_of_marks(&self) {
        self.marks.forget(&());
        self.revisions.note_change();
    }

    fn marks(&self) -> Waiting<Marks> {
        let store = self.store.clone();
        // No flush brings any: another process may make one at any time.
        let work = || async move { read(&store).await.map(Arc::new) };
        self.marks.wait(&(), Content::Valid, None, work)
    }
}

/// All of them, oldest first.
async fn read(store: &Store) -> Result<Vec<(String, Mark)>, StoreError> {
    let saved = definitions(store, Kind::Annotation).await?.into_iter();
    let mut marks: Vec<_> = saved.map(|Definition { name, definition, .. }| (name, definition)).collect();
    marks.sort_by(|(id, mark): &(String, Mark), (other_id, other)| (mark.at_ms, id).cmp(&(other.at_ms, other_id)));
    Ok(marks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_has_a_text_of_one_line_and_a_moment() {
        let mark = |text: &str, at: Option<&str>| {
            NewAnnotation { text: text.to_owned(), at: at.map(str::to_owned) }.checked(7)
        };
        let at = |at_ms| Ok(Mark { text: "fix".to_owned(), at_ms });
        assert_eq!(mark("fix", None), at(7));
        assert_eq!(mark("fix", Some("1970-01-01T01:00:00.009+01:00")), at(9));
        assert!(mark(&"é".repeat(ANNOTATION_CHARS_MAX), None).is_ok());
        for text in ["", "two\nlines", &"é".repeat(ANNOTATION_CHARS_MAX + 1)] {
            assert_eq!(mark(text, None), Err(AnnotationError::Text), "{text:?}");
        }
        for wrong in ["", "now", "2026-01-31", "2026-01-31T12:00:00"] {
            assert_eq!(mark("fix", Some(wrong)), Err(AnnotationError::At), "{wrong:?}");
        }
    }

    #[test]
    fn a_window_is_what_the_charts_of_the_range_draw() {
        const NOW_MS: i64 = 1_773_137_250_500; // 2026-03-10T10:07:30.5Z
        let ends = |range, ago| Window::of_range(range, ago, NOW_MS).map(|window| [window.since_ms, window.until_ms]);
        let told =
            |ends: Result<[Option<i64>; 2], _>| ends.map(|ends| ends.map(|end| rfc3339(end.unwrap_or_default())));
        let expected = |since: &str, until: &str| Ok([since.to_owned(), until.to_owned()]);
        assert_eq!(told(ends("1h", "0")), expected("2026-03-10T09:05:00.000Z", "2026-03-10T10:07:30.500Z"));
        assert_eq!(told(ends("24h", "7d")), expected("2026-03-02T10:00:00.000Z", "2026-03-03T10:07:30.500Z"));
        let rules = |ends: Result<_, ArgumentError>| ends.map_err(|error| error.to_string());
        assert_eq!(rules(ends("2h", "0")), Err("range must be 1h, 4h, 6h, 24h, 7d or 30d, not \"2h\"".to_owned()));
        assert_eq!(rules(ends("1h", "1w")), Err("ago must be 0, 1d or 7d, not \"1w\"".to_owned()));
    }
}
