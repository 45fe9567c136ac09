//! Medians with their spread, and the ratio between the two.

use std::{collections::BTreeMap, time::Duration};

use crate::{figures::shown, subject::Kind};

#[derive(Default)]
pub struct Report {
    /// In the order of the first measurement.
    rows: Vec<String>,
    figures: BTreeMap<(String, Kind), Vec<f64>>,
    /// Requests that were not answered 202.
    pub failures: u64,
}

impl Report {
    pub fn add(&mut self, row: &str, kind: Kind, figure: f64) {
        if !self.rows.iter().any(|known| known == row) {
            self.rows.push(row.to_owned());
        }
        eprintln!("  {row}: {}", shown(figure));
        self.figures.entry((row.to_owned(), kind)).or_default().push(figure);
    }

    pub fn print(&self, rounds: u64, duration: Duration) {
        println!(
            "Medians of {rounds} rounds of {} s (least – most); accepted = stored in every run.",
            duration.as_secs()
        );
        println!("Requests not answered 202: {}\n", self.failures);
        println!("| | Weir | Node pipeline | Weir / Node |");
        println!("|---|---|---|---|");
        for row in &self.rows {
            let (weir, peer) = (self.spread(row, Kind::Weir), self.spread(row, Kind::Peer));
            let ratio = match (&weir, &peer) {
                (Some((weir, _)), Some((peer, _))) => format!("{:.2}×", weir / peer),
                _ => String::new(),
            };
            let text = |spread: Option<(f64, String)>| spread.map(|(_, text)| text).unwrap_or_default();
            println!("| {row} | {} | {} | {ratio} |", text(weir), text(peer));
        }
    }

    /// The median, and how it is printed.
    fn spread(&self, row: &str, kind: Kind) -> Option<(f64, String)> {
        let mut figures = self.figures.get(&(row.to_owned(), kind))?.clone();
        figures.sort_by(f64::total_cmp);
        let (least, median, most) = (figures.first()?, figures.get(figures.len() / 2)?, figures.last()?);
        Some((*median, format!("{} ({} – {})", shown(*median), shown(*least), shown(*most))))
    }
}
