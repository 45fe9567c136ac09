//! The product that the simulated visitors use: its pages and features, and who its visitors are. The number beside a
//! value is its weight.

use rand::{Rng, RngExt};

/// A value and how often it is picked, relative to the others of its table.
pub type Weighted = (&'static str, u32);

pub const DEVICES: [Weighted; 3] = [("desktop", 58), ("mobile", 36), ("tablet", 6)];

pub const COUNTRIES: [Weighted; 16] = [
    ("US", 31),
    ("DE", 12),
    ("GB", 11),
    ("IN", 8),
    ("FR", 7),
    ("CA", 5),
    ("BR", 5),
    ("NL", 4),
    ("JP", 3),
    ("ES", 3),
    ("AU", 3),
    ("PL", 2),
    ("SE", 2),
    ("SG", 1),
    ("ZA", 1),
    ("ZZ", 2),
];

/// By rank: one half, one third and so on of the first (Zipf's law). There are more than the ranking shows, so that its
/// last places change hands.
pub const FEATURES: [Weighted; 14] = [
    ("dashboard_sharing", 1000),
    ("export", 500),
    ("saved_filters", 333),
    ("funnel_builder", 250),
    ("alerts", 200),
    ("cohorts", 167),
    ("annotations", 143),
    ("sql_editor", 125),
    ("api_keys", 111),
    ("slack_digest", 100),
    ("dark_mode", 91),
    ("session_notes", 83),
    ("keyboard_shortcuts", 77),
    ("custom_domains", 71),
];

/// What people see who have not signed in.
pub const SITE_PAGES: [Weighted; 6] =
    [("/", 40), ("/pricing", 22), ("/docs", 16), ("/blog", 10), ("/customers", 7), ("/signup", 5)];

pub const SITE_BUTTONS: [Weighted; 4] =
    [("see_pricing", 34), ("watch_the_tour", 28), ("read_the_docs", 22), ("talk_to_sales", 16)];

/// What people see who have.
pub const APP_PAGES: [Weighted; 6] =
    [("/home", 30), ("/dashboards", 28), ("/explore", 18), ("/reports", 12), ("/team", 7), ("/settings", 5)];

/// Where the SDK has a bug: it sends the three-letter code of one country, which Weir rejects.
pub const BUG_PAGE: &str = "/reports";
pub const BUG_COUNTRY: &str = "DE";
pub const BUG_COUNTRY_SENT: &str = "DEU";

pub const APP_BUTTONS: [Weighted; 5] =
    [("open_dashboard", 36), ("apply_filter", 28), ("refresh", 17), ("new_report", 12), ("invite", 7)];

/// What the campaign's visitors bring as `utm_campaign`.
pub const CAMPAIGN: &str = "launch_week";

pub const GMAIL: &str = "gmail.com";

pub const EMAIL_DOMAINS: [Weighted; 7] = [
    (GMAIL, 42),
    ("outlook.com", 15),
    ("icloud.com", 9),
    ("yahoo.com", 7),
    ("proton.me", 5),
    ("example.com", 13),
    ("example.org", 9),
];

pub const PLANS: [Weighted; 3] = [("free", 71), ("team", 23), ("business", 6)];

/// An everyday error: its kind and what it says.
#[derive(Debug, Clone, Copy)]
pub struct ErrorText {
    pub kind: &'static str,
    pub message: &'static str,
}

pub const ERRORS: [(ErrorText, u32); 4] = [
    (ErrorText { kind: "request_timeout", message: "The request took longer than 30 s" }, 40),
    (ErrorText { kind: "script_error", message: "Cannot read properties of undefined (reading 'series')" }, 30),
    (ErrorText { kind: "not_permitted", message: "You have no access to this report" }, 20),
    (ErrorText { kind: "upload_failed", message: "The file is larger than 20 MB" }, 10),
];

pub const MAIL_ERROR: ErrorText = ErrorText {
    kind: "email_delivery_failed",
    message: "gmail.com refused the verification e-mail: 550 5.7.26 the sender is not authenticated",
};

/// One value of a table, by weight.
pub fn pick<T: Copy, const N: usize>(rng: &mut impl Rng, table: &[(T, u32); N]) -> T {
    let total: u32 = table.iter().map(|(_, weight)| weight).sum();
    let mut left = rng.random_range(0..total);
    for (value, weight) in table {
        match left.checked_sub(*weight) {
            Some(rest) => left = rest,
            None => return *value,
        }
    }
    unreachable!("the draw is below the sum of the weights")
}
