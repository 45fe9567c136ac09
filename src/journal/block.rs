//! Reading blocks back: to join small ones, and into events, for the rare segment that has to be cut by rows.

use bytes::{Bytes, BytesMut};

use super::{
    batch::{COLUMNS, Column, EventBatch, EventRow, TIMESTAMP, USER_ID, write_block},
    segment::Segment,
};

/// Blocks of fewer rows on average are joined. ClickHouse takes about 0.1 ms for a block, whatever it holds: as long as for
/// a hundred rows.
const JOINED_BLOCK_ROWS_MAX: u64 = 1000;

impl Segment {
    /// Makes one block of many small ones; those of another version's columns are left as they are.
    pub fn join_blocks(&mut self) {
        if self.blocks.len() > 1 && self.rows < JOINED_BLOCK_ROWS_MAX * self.blocks.len() as u64 {
            let blocks: Option<Vec<_>> = self.blocks.iter().map(|block| Block::read(block)).collect();
            if let Some(joined) = blocks.map(|blocks| join(&blocks)) {
                self.blocks = vec![joined];
            }
        }
    }

    /// All events in order; `None` if a block is not of this version's columns, or not a block.
    pub fn events(&self) -> Option<Vec<EventRow<'_>>> {
        let mut events = Vec::new();
        for block in &self.blocks {
            Block::read(block)?.read_events(&mut events)?;
        }
        Some(events)
    }

    /// The time of the newest event that is not ahead of a moment. What blocks of another version's columns hold is not
    /// known.
    pub fn newest_timestamp_ms(&self, until_ms: i64) -> Option<i64> {
        let timestamps = self.blocks.iter().filter_map(|block| timestamps(block)).flat_map(|column| column.chunks(8));
        let past =
            timestamps.filter_map(|value| Cursor(value).int64()).filter(|timestamp_ms| *timestamp_ms <= until_ms);
        past.max()
    }

    /// A segment, in memory alone, of some events of another one.
    pub fn of_events(events: &[EventRow<'_>]) -> Self {
        let mut batch = EventBatch::default();
        events.iter().for_each(|event| batch.push(event));
        let mut block = BytesMut::new();
        batch.write_block(&mut block);
        Self { blocks: vec![Bytes::from(block)], rows: batch.rows() as u64, ..Self::default() }
    }
}

fn join(blocks: &[Block<'_>]) -> Bytes {
    let rows = blocks.iter().map(|block| block.rows).sum();
    let nulls: Vec<_> = blocks.iter().map(|block| block.user_id_nulls).collect();
    let columns = std::array::from_fn(|column| blocks.iter().map(|block| block.columns[column]).collect::<Vec<_>>());
    let mut joined = BytesMut::new();
    write_block(&mut joined, rows, &nulls, columns.each_ref().map(Vec::as_slice));
    joined.freeze()
}

/// The column of a block's timestamps. The columns behind it, which take longer to walk through, are not looked at.
fn timestamps(block: &[u8]) -> Option<&[u8]> {
    let mut cursor = Cursor(block);
    let rows = cursor.rows()?;
    let [before @ .., timestamp] = &COLUMNS[..=TIMESTAMP] else { return None };
    for column in before {
        cursor.header(column)?;
        cursor.values(column.type_name, rows)?;
    }
    cursor.header(timestamp)?;
    cursor.values(timestamp.type_name, rows)
}

/// Where the columns of a block are.
struct Block<'a> {
    rows: usize,
    user_id_nulls: &'a [u8],
    columns: [&'a [u8]; COLUMNS.len()],
}

impl<'a> Block<'a> {
    fn read(block: &'a [u8]) -> Option<Self> {
        let mut cursor = Cursor(block);
        let rows = cursor.rows()?;
        let (mut user_id_nulls, mut columns): (&[u8], _) = (&[], [&[] as &[u8]; COLUMNS.len()]);
        for (index, (column, bytes)) in COLUMNS.iter().zip(&mut columns).enumerate() {
            cursor.header(column)?;
            if index == USER_ID {
                user_id_nulls = cursor.take(rows)?;
            }
            *bytes = cursor.values(column.type_name, rows)?;
        }
        cursor.0.is_empty().then_some(Self { rows, user_id_nulls, columns })
    }

    fn read_events(self, events: &mut Vec<EventRow<'a>>) -> Option<()> {
        let [
            mut event_id,
            mut event_name,
            mut timestamp,
            _date,
            mut session_id,
            mut user_id,
            mut device_type,
            mut country_code,
            mut properties,
            mut received_at,
            mut clock_skew,
        ] = self.columns.map(Cursor);
        for is_null in self.user_id_nulls {
            let user_id = user_id.text()?;
            events.push(EventRow {
                event_id: event_id.text()?,
                event_name: event_name.text()?,
                timestamp_ms: timestamp.int64()?,
                session_id: session_id.text()?,
                user_id: (*is_null == 0).then_some(user_id),
                device_type: device_type.text()?,
                country_code: country_code.take(2)?.try_into().ok()?,
                properties: properties.text()?,
                received_at_ms: received_at.int64()?,
                clock_skew_ms: clock_skew.int64()?,
            });
        }
        Some(())
    }
}

/// What is left of a block.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    /// How many rows a block has whose columns are as many as ours.
    fn rows(&mut self) -> Option<usize> {
        let block_bytes = self.0.len();
        let (columns, rows) = (self.length()?, self.length()?);
        // Every row takes bytes: a count beyond them is no count.
        (columns == COLUMNS.len() && rows <= block_bytes).then_some(rows)
    }

    /// What comes before a column's values.
    fn header(&mut self, column: &Column) -> Option<()> {
        let is_it = self.text()? == column.name.as_bytes() && self.text()? == column.type_name.as_bytes();
        is_it.then_some(())
    }

    /// LEB128.
    fn length(&mut self) -> Option<usize> {
        let mut length = 0_usize;
        for shift in (0..usize::BITS).step_by(7) {
            let byte = self.take(1)?[0];
            length |= usize::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(length);
            }
        }
        None
    }

    fn text(&mut self) -> Option<&'a [u8]> {
        let length = self.length()?;
        self.take(length)
    }

    fn int64(&mut self) -> Option<i64> {
        Some(i64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }

    /// The bytes of a column's values.
    fn values(&mut self, type_name: &str, rows: usize) -> Option<&'a [u8]> {
        match type_name {
            "DateTime64(3)" | "Int64" => self.take(rows * 8),
            "Date" | "FixedString(2)" => self.take(rows * 2),
            "String" | "Nullable(String)" => {
                let start = self.0;
                for _ in 0..rows {
                    self.text()?;
                }
                Some(&start[..start.len() - self.0.len()])
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row<'a>(session_id: &'a str, user_id: Option<&'a [u8]>) -> EventRow<'a> {
        EventRow {
            event_id: b"e-1",
            event_name: b"page_view",
            timestamp_ms: 1_700_000_000_123,
            session_id: session_id.as_bytes(),
            user_id,
            device_type: b"desktop",
            country_code: *b"DE",
            properties: br#"{"a": 1}"#,
            received_at_ms: -7,
            clock_skew_ms: -60_000,
        }
    }

    #[test]
    fn a_segment_gives_its_events_back_and_parts_of_it_are_segments_of_those() {
        let long = "s".repeat(300);
        let events = [row("s-1", None), row(&long, Some(b"u-1")), row("", Some(b"")), row("s-4", None)];
        let mut segment = Segment::of_events(&events[..3]);
        segment.blocks.extend(Segment::of_events(&events[3..]).blocks);
        let read = segment.events().expect("blocks of this version");
        assert_eq!(read, events);
        let part = Segment::of_events(&read[1..3]);
        assert_eq!((part.rows, part.events().expect("a block")), (2, events[1..3].to_vec()));
    }

    #[test]
    fn the_newest_event_is_found_among_those_that_are_not_ahead() {
        let at = |timestamp_ms| EventRow { timestamp_ms, ..row("s-1", None) };
        let mut segment = Segment::of_events(&[at(30), at(10), at(50)]);
        segment.blocks.extend(Segment::of_events(&[at(40), at(20)]).blocks);
        segment.blocks.push(Bytes::from_static(b"\x01\x01\x01x\x04Date\x00\x00"));
        for (until_ms, newest) in [(100, Some(50)), (50, Some(50)), (49, Some(40)), (9, None)] {
            assert_eq!(segment.newest_timestamp_ms(until_ms), newest, "until {until_ms}");
        }
    }

    #[test]
    fn small_blocks_become_one_of_the_same_events() {
        let long = "s".repeat(300);
        let events = [row("s-1", None), row(&long, Some(b"u-1")), row("", Some(b"")), row("s-4", None)];
        let whole = Segment::of_events(&events);
        let mut parts = Segment { blocks: Vec::new(), ..whole.clone() };
        for part in [&events[..1], &events[1..3], &events[3..]] {
            parts.blocks.extend(Segment::of_events(part).blocks);
        }
        parts.join_blocks();
        assert_eq!(parts, whole);
    }

    #[test]
    fn blocks_of_other_columns_are_left_as_they_are() {
        let block = Segment::of_events(&[row("s-1", None)]).blocks.remove(0);
        let unknown = Bytes::from_static(b"\x01\x01\x01x\x04Date\x00\x00");
        let before = Segment { blocks: vec![block, unknown], rows: 2, ..Segment::default() };
        let mut after = before.clone();
        after.join_blocks();
        assert_eq!(after, before);
    }

    #[test]
    fn what_is_no_block_gives_nothing() {
        let block = Segment::of_events(&[row("s-1", None), row("s-2", Some(b"u"))]).blocks.remove(0);
        let events = |bytes: &[u8]| {
            Segment { blocks: vec![Bytes::copy_from_slice(bytes)], ..Segment::default() }
                .events()
                .map(|events| events.len())
        };
        assert_eq!(events(&block), Some(2));
        for length in 0..block.len() {
            assert_eq!(events(&block[..length]), None, "cut at {length}");
        }
        assert_eq!(events(&[block.as_ref(), b"x"].concat()), None);
        let mut many_rows = block.to_vec();
        many_rows.splice(1..2, [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]);
        assert_eq!(events(&many_rows), None);
    }
}
