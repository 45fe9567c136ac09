//! Tables of medians: a row for each question, a column for each size of the store.

use std::collections::BTreeMap;

use crate::figures::{percentile, shown};

/// One table: what was measured for each row and each size of the store, in milliseconds.
#[derive(Default)]
pub struct Table {
    title: String,
    /// In the order of the first measurement.
    rows: Vec<String>,
    cells: BTreeMap<(String, u64), Cell>,
}

enum Cell {
    Measured(Vec<f64>),
    /// Why it could not be measured.
    Failed(String),
}

impl Table {
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), ..Self::default() }
    }

    pub fn add(&mut self, row: &str, events: u64, figure_ms: f64) {
        let cell = self.cell(row, events);
        match cell {
            Cell::Measured(figures) => figures.push(figure_ms),
            Cell::Failed(_) => {}
        }
    }

    pub fn fail(&mut self, row: &str, events: u64, reason: &str) {
        *self.cell(row, events) = Cell::Failed(reason.chars().take(80).collect());
    }

    fn cell(&mut self, row: &str, events: u64) -> &mut Cell {
        if !self.rows.iter().any(|known| known == row) {
            self.rows.push(row.to_owned());
        }
        self.cells.entry((row.to_owned(), events)).or_insert_with(|| Cell::Measured(Vec::new()))
    }

    /// As Markdown; nothing, if nothing was measured.
    pub fn markdown(&self, sizes: &[u64]) -> String {
        if self.rows.is_empty() {
            return String::new();
        }
        let columns: Vec<_> = sizes.iter().map(|events| format!("{} M events", shown(*events as f64 / 1e6))).collect();
        let mut lines = vec![
            format!("\n**{}**, p50 / p99 in ms\n", self.title),
            format!("| | {} | largest / smallest, p50 |", columns.join(" | ")),
            format!("|---|{}---|", "---|".repeat(sizes.len())),
        ];
        lines.extend(self.rows.iter().map(|row| {
            let cells: Vec<_> = sizes.iter().map(|events| self.text(row, *events)).collect();
            format!("| {row} | {} | {} |", cells.join(" | "), self.ratio(row, sizes).unwrap_or_default())
        }));
        lines.join("\n") + "\n"
    }

    fn text(&self, row: &str, events: u64) -> String {
        match self.cells.get(&(row.to_owned(), events)) {
            None => String::new(),
            Some(Cell::Failed(reason)) => reason.clone(),
            Some(Cell::Measured(figures)) => {
                let at = |share| shown(percentile(&mut figures.clone(), share));
                format!("{} / {} ({} times)", at(0.5), at(0.99), figures.len())
            }
        }
    }

    fn ratio(&self, row: &str, sizes: &[u64]) -> Option<String> {
        let median = |events: &u64| match self.cells.get(&(row.to_owned(), *events))? {
            Cell::Measured(figures) => Some(percentile(&mut figures.clone(), 0.5)),
            Cell::Failed(_) => None,
        };
        let (smallest, largest) = (sizes.iter().min()?, sizes.iter().max()?);
        (smallest != largest).then_some(())?;
        Some(format!("{:.1}×", median(largest)? / median(smallest)?))
    }
}
