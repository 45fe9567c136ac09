//! What an event is: its fields, the rules each must keep, and the limits. Everything here is pure.

/// The rule for `event_name`, as answered to a client.
pub const EVENT_NAME_RULE: &str =
    "use 1 to 64 characters: a lower-case letter, then lower-case letters, digits or underscores";

/// The names of the product's own events; the panels are made of these.
pub const PRODUCT_EVENTS: [&str; 6] =
    ["page_view", "button_click", "signup_started", "signup_completed", "feature_used", "error_occurred"];

/// The values of `device_type`.
pub const DEVICE_TYPES: [&str; 4] = ["desktop", "mobile", "tablet", "other"];

/// Bytes of `session_id` and of `user_id`.
pub const ID_BYTES_MAX: usize = 200;

/// Bounds on one request and one event. All are enforced before the journal.
#[derive(Debug, Clone)]
pub struct EventLimits {
    pub events_per_request_max: usize,
    pub properties_bytes_max: usize,
    /// Objects and arrays inside each other in `properties`.
    pub properties_depth_max: usize,
    pub id_bytes_max: usize,
    pub event_id_bytes_max: usize,
    pub future_ms_max: i64,
    pub past_ms_max: i64,
    /// A client's clock may be wrong by this before the times it sends are corrected.
    pub clock_skew_ms_max: i64,
    /// Age from which an arriving event counts as late.
    pub late_ms_min: i64,
}

impl EventLimits {
    /// The documented limits; events older than the retention would be deleted at once, so they are refused.
    pub fn with_retention_days(days: u32) -> Self {
        Self {
            events_per_request_max: 500,
            properties_bytes_max: 16 * 1024,
            properties_depth_max: 64,
            id_bytes_max: ID_BYTES_MAX,
            event_id_bytes_max: 64,
            future_ms_max: 10 * 60 * 1000,
            past_ms_max: i64::from(days) * 24 * 60 * 60 * 1000,
            clock_skew_ms_max: 30 * 1000,
            late_ms_min: 60 * 60 * 1000,
        }
    }
}

/// `^[a-z][a-z0-9_]{0,63}$`
pub fn is_event_name(name: &[u8]) -> bool {
    name.len() <= 64
        && name.first().is_some_and(u8::is_ascii_lowercase)
        && name.iter().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'_')
}

/// ISO 3166-1 alpha-2, in upper case, or `ZZ` for an unknown country.
pub fn is_country_code(code: &[u8]) -> bool {
    let &[first @ b'A'..=b'Z', second @ b'A'..=b'Z'] = code else { return false };
    COUNTRIES[usize::from(first - b'A')] & (1 << (second - b'A')) != 0
}

/// A bit for each second letter, by first letter: the check is on the path of every event.
const COUNTRIES: [u32; 26] = {
    let codes = COUNTRY_CODES.as_bytes();
    let mut countries = [0; 26];
    let mut at = 0;
    while at < codes.len() {
        countries[(codes[at] - b'A') as usize] |= 1 << (codes[at + 1] - b'A');
        at += 3;
    }
    countries
};

/// The officially assigned codes of ISO 3166-1 (249 of them) and `ZZ`, by first letter.
const COUNTRY_CODES: &str = "\
AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ \
CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR \
GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP \
KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT \
MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW \
SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG \
UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW ZZ";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_names_keep_the_pattern() {
        let longest = "a".repeat(64);
        for name in ["a", "page_view", "v2_beta", &longest] {
            assert!(is_event_name(name.as_bytes()), "{name}");
        }
        let too_long = "a".repeat(65);
        for name in ["", "_a", "1a", "Page_view", "page-view", "page view", "straße", &too_long] {
            assert!(!is_event_name(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn country_codes_are_the_assigned_ones_and_zz() {
        assert_eq!(COUNTRY_CODES.split(' ').count(), 250);
        for code in ["US", "DE", "ZZ", "AD", "ZW"] {
            assert!(is_country_code(code.as_bytes()), "{code}");
        }
        for code in ["", "U", "us", "XX", "EU", "UK", "USA", "S ", " D"] {
            assert!(!is_country_code(code.as_bytes()), "{code}");
        }
    }
}
