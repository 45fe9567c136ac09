//! Reading blocks back into events, for the rare segment that has to be cut by rows.

use bytes::{Bytes, BytesMut};

use super::{
    batch::{COLUMNS, EventBatch, EventRow},
    segment::Segment,
};

impl Segment {
    /// All events in order; `None` if a block is not of this version's columns, or not a block.
    pub fn events(&self) -> Option<Vec<EventRow<'_>>> {
        let mut events = Vec::new();
        for block in &self.blocks {
            read_block(block, &mut events)?;
        }
        Some(events)
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

fn read_block<'a>(block: &'a [u8], events: &mut Vec<EventRow<'a>>) -> Option<()> {
    let mut cursor = Cursor(block);
    let (columns, rows) = (cursor.length()?, cursor.length()?);
    // Every row takes bytes: a count beyond them is no count, and is not allocated for.
    if columns != COLUMNS.len() || rows > block.len() {
        return None;
    }
    let mut nulls: &[u8] = &[];
    let mut values = Vec::with_capacity(COLUMNS.len());
    for column in &COLUMNS {
        if cursor.text()? != column.name.as_bytes() || cursor.text()? != column.type_name.as_bytes() {
            return None;
        }
        if column.type_name == "Nullable(String)" {
            nulls = cursor.take(rows)?;
        }
        values.push((0..rows).map(|_| cursor.value(column.type_name)).collect::<Option<Vec<_>>>()?);
    }
    let [
        event_id,
        event_name,
        timestamp,
        _date,
        session_id,
        user_id,
        device_type,
        country_code,
        properties,
        received_at,
        clock_skew,
    ]: [Vec<&[u8]>; COLUMNS.len()] = values.try_into().ok()?;
    for row in 0..rows {
        events.push(EventRow {
            event_id: event_id[row],
            event_name: event_name[row],
            timestamp_ms: i64::from_le_bytes(timestamp[row].try_into().ok()?),
            session_id: session_id[row],
            user_id: (nulls[row] == 0).then_some(user_id[row]),
            device_type: device_type[row],
            country_code: country_code[row].try_into().ok()?,
            properties: properties[row],
            received_at_ms: i64::from_le_bytes(received_at[row].try_into().ok()?),
            clock_skew_ms: i64::from_le_bytes(clock_skew[row].try_into().ok()?),
        });
    }
    cursor.0.is_empty().then_some(())
}

/// What is left of a block.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
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

    fn value(&mut self, type_name: &str) -> Option<&'a [u8]> {
        match type_name {
            "DateTime64(3)" | "Int64" => self.take(8),
            "Date" | "FixedString(2)" => self.take(2),
            _ => self.text(),
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
