//! How far back a query looks.

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
}
