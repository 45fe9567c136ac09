//! The span of time that a query looks at: how long it is, and how long ago it ended.

use super::arguments::{ArgumentError, choice};

/// The last hours or days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    pub name: &'static str,
    pub seconds: u32,
    /// Finer for shorter ranges; a whole number of the rollup's minutes.
    pub bucket_seconds: u32,
}

impl Range {
    /// All that a query may offer.
    const ALL: [Self; 6] = [
        Self { name: "1h", seconds: 3_600, bucket_seconds: 300 },
        Self { name: "4h", seconds: 14_400, bucket_seconds: 1_200 },
        Self { name: "6h", seconds: 21_600, bucket_seconds: 1_800 },
        Self { name: "24h", seconds: 86_400, bucket_seconds: 3_600 },
        Self { name: "7d", seconds: 604_800, bucket_seconds: 21_600 },
        Self { name: "30d", seconds: 2_592_000, bucket_seconds: 86_400 },
    ];

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|range| range.name == name)
    }

    /// Where a chart of the range begins that ends in the bucket of `until_ms`.
    pub fn first_bucket_ms(self, until_ms: i64) -> i64 {
        let (range_ms, bucket_ms) = (i64::from(self.seconds) * 1_000, i64::from(self.bucket_seconds) * 1_000);
        until_ms - until_ms.rem_euclid(bucket_ms) - range_ms
    }

    pub fn names() -> [&'static str; 6] {
        Self::ALL.map(|range| range.name)
    }

    pub(super) fn error(given: &str) -> ArgumentError {
        ArgumentError::range(choice(&Self::names()), given)
    }
}

/// How long before the present the moment asked about is. Whole days, and so whole buckets of every range: a bucket of
/// then compares with the one of now that is as far along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ago {
    name: &'static str,
    days: i64,
}

impl Ago {
    const ALL: [Self; 3] = [Self { name: "0", days: 0 }, Self { name: "1d", days: 1 }, Self { name: "7d", days: 7 }];

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|ago| ago.name == name)
    }

    pub fn milliseconds(self) -> i64 {
        self.days * 86_400_000
    }

    pub fn names() -> [&'static str; 3] {
        Self::ALL.map(|ago| ago.name)
    }

    pub(super) fn error(given: &str) -> ArgumentError {
        ArgumentError::value("ago", choice(&Self::names()), given)
    }
}
