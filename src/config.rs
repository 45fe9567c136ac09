//! Every setting, read once from the environment (and from `.env` if there is one) into one struct per stage.
//! `SETTINGS` is the list that `.env.example` is held equal to by a test; all mistakes are reported together.

use std::{
    collections::HashMap,
    fmt::{self, Display},
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    str::FromStr,
    time::Duration,
};

use ipnet::IpNet;

/// A value that must not reach a log: `Debug` prints `***`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// One environment variable: its name, its default as text, and what it means.
pub struct Setting {
    pub name: &'static str,
    pub default: &'static str,
    pub help: &'static str,
}

macro_rules! settings {
    ($($constant:ident = $name:literal, $default:literal, $help:literal;)*) => {
        $(const $constant: &str = $name;)*
        /// All variables, in the order of `.env.example`.
        pub const SETTINGS: &[Setting] = &[$(Setting { name: $name, default: $default, help: $help }),*];
    };
}

settings! {
    DATA_DIR = "WEIR_DATA_DIR", "weir-data", "Where the journal and the embedded engine keep their files.";
    INGEST_ADDR = "WEIR_INGEST_ADDR", "127.0.0.1:3001", "Address that takes events. 0.0.0.0:3001 listens on every interface.";
    DASHBOARD_ADDR = "WEIR_DASHBOARD_ADDR", "127.0.0.1:3000", "Address of the dashboard and the query API.";
    AUTH = "WEIR_AUTH", "auto", "Who may send and ask. auto: on a loopback address anybody, on others with a write key, a password or a token. required: those everywhere, as behind a proxy.";
    TLS_CERT = "WEIR_TLS_CERT", "", "PEM file with the certificate of both listeners and its chain. Empty: no TLS. Read again when it changes.";
    TLS_KEY = "WEIR_TLS_KEY", "", "PEM file with the certificate's private key.";
    TRUSTED_PROXIES = "WEIR_TRUSTED_PROXIES", "", "Comma-separated addresses and networks (10.0.0.0/8) whose X-Forwarded-For and X-Forwarded-Proto are believed.";
    INGEST_URL = "WEIR_INGEST_URL", "", "The ingestion URL as browsers see it, shown in the dashboard. Empty: derived from WEIR_INGEST_ADDR.";
    LOG = "WEIR_LOG", "info", "Log filter, for example info or weir=debug.";
    CLICKHOUSE_URL = "CLICKHOUSE_URL", "", "HTTP URL of a ClickHouse server. Empty: the embedded engine.";
    CLICKHOUSE_USER = "CLICKHOUSE_USER", "default", "User at CLICKHOUSE_URL.";
    CLICKHOUSE_PASSWORD = "CLICKHOUSE_PASSWORD", "", "Password at CLICKHOUSE_URL.";
    CLICKHOUSE_DATABASE = "CLICKHOUSE_DATABASE", "weir", "Database that holds Weir's tables.";
    ENGINE_PORT = "WEIR_ENGINE_PORT", "8123", "Loopback port of the embedded engine.";
    ENGINE_LIBRARY = "WEIR_ENGINE_LIBRARY", "", "Path of libchdb.so. Empty: beside the program, then engine/node_modules.";
    RETENTION_DAYS = "WEIR_RETENTION_DAYS", "90", "Days after which events are deleted; older events are rejected. At most 36500.";
    REJECTED_RETENTION_DAYS = "WEIR_REJECTED_RETENTION_DAYS", "7", "Days after which rejected events are deleted. At most 365.";
    RESPECT_DNT = "WEIR_RESPECT_DNT", "false", "true: nothing is kept of requests that carry DNT: 1 or Sec-GPC: 1, by which people ask not to be tracked.";
    EVENT_NAMES = "WEIR_EVENT_NAMES", "", "Comma-separated list of the only event names allowed. Empty: every well-formed name.";
    EVENT_NAMES_MAX = "WEIR_EVENT_NAMES_MAX", "1000", "Distinct event names taken before new ones are rejected.";
    EVENT_ID_WINDOW = "WEIR_EVENT_ID_WINDOW", "1800000", "Event ids remembered to count an event sent twice once: the last this many, at least (10 minutes of 3,000 a second). Each takes 25 bytes of memory.";
    FLUSH_EVENTS = "WEIR_FLUSH_EVENTS", "1000", "Events that trigger a flush to ClickHouse.";
    FLUSH_INTERVAL_MS = "WEIR_FLUSH_INTERVAL_MS", "2000", "Milliseconds after which a flush happens at the latest.";
    FUNNEL_EVENTS_MAX = "WEIR_FUNNEL_EVENTS_MAX", "200000", "Events that one funnel follows, in 24 bytes of memory each. Of more, a share of the users is counted, and the answer says so.";
    JOURNAL_MAX_BYTES = "WEIR_JOURNAL_MAX_BYTES", "4294967296", "Bytes the journal may take on disk; when full, events are answered 503 with Retry-After.";
    UNFLUSHED_MAX_MS = "WEIR_UNFLUSHED_MAX_MS", "60000", "Age in milliseconds of the oldest unflushed event from which /health answers 503.";
    CONNECTIONS_MAX = "WEIR_CONNECTIONS_MAX", "10000", "Open connections of a listener; beyond it, idle ones make room for new ones.";
    STREAMS_MAX = "WEIR_STREAMS_MAX", "2000", "Open pages that are told of new data by push, at most half as many as connections; beyond it, pages ask every 5 s.";
    REQUEST_TIMEOUT_MS = "WEIR_REQUEST_TIMEOUT_MS", "10000", "Milliseconds for a request's headers to arrive, and again for its body.";
    WRITE_KEY = "WEIR_WRITE_KEY", "", "Write key that `weir replay-rejected` and `weir demo --url` send events with, where one is needed.";
    TOKEN = "WEIR_TOKEN", "", "API token that `weir replay-rejected` reads rejected events with, where one is needed.";
    BODIES_MAX_BYTES = "WEIR_BODIES_MAX_BYTES", "67108864", "Bytes of request bodies held in memory at once; beyond it, requests wait for a second and are answered 503 with Retry-After.";
}

/// ClickHouse's `Date` ends in 2149: a longer retention would overflow it and delete everything.
const DAYS_MAX: u32 = 36_500;
/// Of rejected events: fewer than `weir replay-rejected` remembers what it has sent.
const REJECTED_DAYS_MAX: u32 = 365;

/// Everything `weir` can be told.
#[derive(Debug, Clone)]
pub struct Config {
    pub data_dir: PathBuf,
    pub log: String,
    pub retention_days: u32,
    pub rejected_retention_days: u32,
    pub ingest: IngestConfig,
    pub journal: JournalConfig,
    pub store: StoreConfig,
    pub engine: EngineSettings,
    pub dashboard: DashboardConfig,
    /// Open connections per listener.
    pub connections_max: usize,
    /// Time for a request's head, and for its body.
    pub request_max: Duration,
    /// Bytes of bodies held at once.
    pub bodies_bytes_max: usize,
    pub client: ClientConfig,
    /// `None`: without TLS.
    pub tls: Option<TlsConfig>,
    pub trusted_proxies: Vec<IpNet>,
}

/// Files in PEM form.
#[derive(Debug, Clone)]
pub struct TlsConfig {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// What weir's own commands present to a weir that wants to know who they are.
#[derive(Debug, Clone, Default)]
pub struct ClientConfig {
    pub write_key: Option<Secret>,
    pub token: Option<Secret>,
}

#[derive(Debug, Clone)]
pub struct IngestConfig {
    pub addr: SocketAddr,
    /// Anybody who can reach it may send events.
    pub is_open: bool,
    /// The only names allowed, or every well-formed name.
    pub event_names: Option<Vec<String>>,
    pub event_names_max: usize,
    /// Event ids that are remembered, at least.
    pub event_id_window_ids: usize,
    /// Age of the oldest unflushed event from which `/health` answers 503.
    pub unflushed_max: Duration,
    /// Requests by which somebody asks not to be tracked are answered, and nothing is kept of them.
    pub respects_do_not_track: bool,
}

#[derive(Debug, Clone)]
pub struct JournalConfig {
    pub bytes_max: u64,
    pub flush_events: u64,
    pub flush_interval: Duration,
}

#[derive(Debug, Clone)]
pub struct StoreConfig {
    /// `None`: the embedded engine.
    pub url: Option<String>,
    pub user: String,
    pub password: Secret,
    pub database: String,
}

impl StoreConfig {
    /// Whether ClickHouse runs on this machine: the embedded one does, and a server behind a loopback address.
    pub fn is_local(&self) -> bool {
        let is_here = |url: reqwest::Url| url.host_str().is_some_and(is_this_machine);
        self.url.as_ref().is_none_or(|url| url.parse().is_ok_and(is_here))
    }
}

#[derive(Debug, Clone)]
pub struct EngineSettings {
    pub port: u16,
    pub library: Option<PathBuf>,
}

#[derive(Debug, Clone)]
pub struct DashboardConfig {
    pub addr: SocketAddr,
    /// Anybody who can reach it may see and change all.
    pub is_open: bool,
    pub ingest_url: String,
    /// Events that one funnel follows.
    pub funnel_events_max: u64,
    /// Pages that are told of new data.
    pub streams_max: usize,
}

/// Every mistake found, one a line.
#[derive(Debug, thiserror::Error)]
#[error("the configuration has {} mistake(s):\n{}", .0.len(), .0.join("\n"))]
pub struct ConfigError(Vec<String>);

impl Config {
    /// Reads the process environment, after `.env` of the working directory.
    pub fn from_env() -> Result<Self, ConfigError> {
        match dotenvy::dotenv() {
            Err(error) if !error.not_found() => return Err(ConfigError(vec![format!("  .env: {error}")])),
            _ => {}
        }
        Self::from_variables(&std::env::vars().collect())
    }

    /// Reads a map of variables; what is absent or empty has its default.
    pub fn from_variables(variables: &HashMap<String, String>) -> Result<Self, ConfigError> {
        let mut reader = Reader { variables, mistakes: Vec::new() };
        reader.refuse_unknown();
        let config = reader.config();
        match reader.mistakes.is_empty() {
            true => Ok(config),
            false => Err(ConfigError(reader.mistakes)),
        }
    }
}

struct Reader<'a> {
    variables: &'a HashMap<String, String>,
    mistakes: Vec<String>,
}

impl Reader<'_> {
    /// A misspelt setting would otherwise be ignored in silence.
    fn refuse_unknown(&mut self) {
        let mut unknown: Vec<_> = self
            .variables
            .keys()
            .filter(|name| name.starts_with("WEIR_") && !SETTINGS.iter().any(|setting| setting.name == *name))
            .map(|name| format!("  {name}: no such setting; .env.example lists them all"))
            .collect();
        unknown.sort();
        self.mistakes.append(&mut unknown);
    }

    fn text(&self, name: &str) -> String {
        let default = SETTINGS.iter().find(|setting| setting.name == name).map_or("", |setting| setting.default);
        self.variables.get(name).filter(|value| !value.is_empty()).map_or(default, String::as_str).to_owned()
    }

    fn optional(&self, name: &str) -> Option<String> {
        Some(self.text(name)).filter(|value| !value.is_empty())
    }

    /// The value parsed; a mistake is noted and the default taken, so that the others are found too.
    fn parsed<T: FromStr + Default>(&mut self, name: &str, expected: &str) -> T
    where
        T::Err: Display,
    {
        let text = self.text(name);
        text.parse().unwrap_or_else(|error| {
            self.mistakes.push(format!("  {name}={text}: {error}; expected {expected}"));
            T::default()
        })
    }

    fn address(&mut self, name: &str) -> SocketAddr {
        let text = self.text(name);
        text.parse().unwrap_or_else(|_| {
            self.mistakes.push(format!("  {name}={text}: expected an IP address and a port, like 127.0.0.1:3001"));
            SocketAddr::from(([127, 0, 0, 1], 0))
        })
    }

    fn positive(&mut self, name: &str) -> u64 {
        let value = self.parsed::<u64>(name, "a whole number from 1");
        if value == 0 && !self.mistakes.iter().any(|mistake| mistake.contains(name)) {
            self.mistakes.push(format!("  {name}=0: expected a whole number from 1"));
        }
        value
    }

    fn config(&mut self) -> Config {
        let (ingest_addr, dashboard_addr) = (self.address(INGEST_ADDR), self.address(DASHBOARD_ADDR));
        let is_auto = self.is_auth_auto();
        let tls = self.tls();
        let ingest_url = reachable_url(ingest_addr, tls.is_some());
        Config {
            data_dir: self.text(DATA_DIR).into(),
            log: self.text(LOG),
            retention_days: self.days(RETENTION_DAYS, DAYS_MAX),
            rejected_retention_days: self.days(REJECTED_RETENTION_DAYS, REJECTED_DAYS_MAX),
            connections_max: usize::try_from(self.positive(CONNECTIONS_MAX)).unwrap_or(usize::MAX),
            request_max: Duration::from_millis(self.positive(REQUEST_TIMEOUT_MS)),
            bodies_bytes_max: usize::try_from(self.positive(BODIES_MAX_BYTES)).unwrap_or(usize::MAX),
            tls,
            trusted_proxies: self.trusted_proxies(),
            client: ClientConfig {
                write_key: self.optional(WRITE_KEY).map(Secret::new),
                token: self.optional(TOKEN).map(Secret::new),
            },
            ingest: IngestConfig {
                addr: ingest_addr,
                is_open: is_auto && ingest_addr.ip().is_loopback(),
                event_names: self.event_names(),
                event_names_max: usize::try_from(self.positive(EVENT_NAMES_MAX)).unwrap_or(usize::MAX),
                event_id_window_ids: usize::try_from(self.positive(EVENT_ID_WINDOW)).unwrap_or(usize::MAX),
                unflushed_max: Duration::from_millis(self.positive(UNFLUSHED_MAX_MS)),
                respects_do_not_track: self.parsed(RESPECT_DNT, "true or false"),
            },
            journal: JournalConfig {
                bytes_max: self.positive(JOURNAL_MAX_BYTES),
                flush_events: self.positive(FLUSH_EVENTS),
                flush_interval: Duration::from_millis(self.positive(FLUSH_INTERVAL_MS)),
            },
            store: StoreConfig {
                url: self.clickhouse_url(),
                user: self.text(CLICKHOUSE_USER),
                password: Secret::new(self.text(CLICKHOUSE_PASSWORD)),
                database: self.database(),
            },
            engine: EngineSettings {
                port: self.parsed(ENGINE_PORT, "a port"),
                library: self.optional(ENGINE_LIBRARY).map(PathBuf::from),
            },
            dashboard: DashboardConfig {
                addr: dashboard_addr,
                is_open: is_auto && dashboard_addr.ip().is_loopback(),
                ingest_url: self.optional(INGEST_URL).unwrap_or(ingest_url),
                funnel_events_max: self.positive(FUNNEL_EVENTS_MAX),
                streams_max: usize::try_from(self.positive(STREAMS_MAX)).unwrap_or(usize::MAX),
            },
        }
    }

    fn tls(&mut self) -> Option<TlsConfig> {
        match (self.optional(TLS_CERT), self.optional(TLS_KEY)) {
            (None, None) => None,
            (Some(certificate), Some(key)) => Some(TlsConfig { certificate: certificate.into(), key: key.into() }),
            (certificate, _) => {
                let (given, missing) = if certificate.is_some() { (TLS_CERT, TLS_KEY) } else { (TLS_KEY, TLS_CERT) };
                self.mistakes.push(format!("  {missing}: it is needed with {given}"));
                None
            }
        }
    }

    fn trusted_proxies(&mut self) -> Vec<IpNet> {
        let text = self.text(TRUSTED_PROXIES);
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        let network = |part: &str| part.parse().or_else(|_| part.parse::<IpAddr>().map(IpNet::from));
        parts
            .filter_map(|part| {
                let wrong = |_| format!("  {TRUSTED_PROXIES}: {part} is no address and no network like 10.0.0.0/8");
                network(part).map_err(|error| self.mistakes.push(wrong(error))).ok()
            })
            .collect()
    }

    fn is_auth_auto(&mut self) -> bool {
        let text = self.text(AUTH);
        if !matches!(text.as_str(), "auto" | "required") {
            self.mistakes.push(format!("  {AUTH}={text}: expected auto or required"));
        }
        text == "auto"
    }

    fn days(&mut self, name: &str, days_max: u32) -> u32 {
        let days = u32::try_from(self.positive(name)).unwrap_or(u32::MAX);
        if days > days_max {
            self.mistakes.push(format!("  {name}={days}: expected at most {days_max}"));
        }
        days
    }

    fn event_names(&mut self) -> Option<Vec<String>> {
        let names: Vec<String> = self.optional(EVENT_NAMES)?.split(',').map(|name| name.trim().to_owned()).collect();
        for name in names.iter().filter(|name| !crate::event::is_event_name(name.as_bytes())) {
            self.mistakes
                .push(format!("  {EVENT_NAMES}: {name:?} is no event name; {}", crate::event::EVENT_NAME_RULE));
        }
        Some(names)
    }

    fn clickhouse_url(&mut self) -> Option<String> {
        let url = self.optional(CLICKHOUSE_URL)?;
        if !(url.starts_with("http://") || url.starts_with("https://")) {
            self.mistakes.push(format!("  {CLICKHOUSE_URL}={url}: expected a URL like http://clickhouse:8123"));
        }
        Some(url.trim_end_matches('/').to_owned())
    }

    /// The name is quoted into `CREATE DATABASE`, which cannot take a bound parameter on every version.
    fn database(&mut self) -> String {
        let name = self.text(CLICKHOUSE_DATABASE);
        if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            self.mistakes.push(format!("  {CLICKHOUSE_DATABASE}={name}: expected letters, digits and underscores"));
        }
        name
    }
}

/// Whether a host, as a URL or a `Host` header has it, is this machine, by its name or a loopback address.
pub fn is_this_machine(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

/// Where a browser on this machine reaches a listener; a wildcard address is reached over loopback.
pub fn reachable_url(addr: SocketAddr, is_tls: bool) -> String {
    let scheme = if is_tls { "https" } else { "http" };
    let here = SocketAddr::from(([127, 0, 0, 1], addr.port()));
    format!("{scheme}://{}", if addr.ip().is_unspecified() { here } else { addr })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        Config::from_variables(&variables.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect())
    }

    #[test]
    fn defaults_are_valid() {
        let config = read(&[]).expect("the defaults parse");
        assert_eq!(config.ingest.addr.port(), 3001);
        assert_eq!(config.journal.flush_events, 1000);
        assert_eq!(config.dashboard.ingest_url, "http://127.0.0.1:3001");
    }

    #[test]
    fn all_mistakes_are_reported_together() {
        let error = read(&[
            ("WEIR_INGEST_ADDR", "here"),
            ("WEIR_FLUSH_EVENTS", "0"),
            ("WEIR_FLUSH_INTERVAL_MS", "2s"),
            ("WEIR_EVENT_NAMES", "page_view,Bad Name"),
            ("WEIR_RETENTION_DAYS", "50000"),
            ("WEIR_TYPO", "1"),
            ("WEIR_AUTH", "none"),
            ("WEIR_TLS_CERT", "cert.pem"),
            ("WEIR_TRUSTED_PROXIES", "10.0.0.0/8, ::1, proxy"),
            ("CLICKHOUSE_URL", "localhost"),
        ])
        .expect_err("ten mistakes");
        insta::assert_snapshot!(error, @r#"
        the configuration has 10 mistake(s):
          WEIR_TYPO: no such setting; .env.example lists them all
          WEIR_INGEST_ADDR=here: expected an IP address and a port, like 127.0.0.1:3001
          WEIR_AUTH=none: expected auto or required
          WEIR_TLS_KEY: it is needed with WEIR_TLS_CERT
          WEIR_RETENTION_DAYS=50000: expected at most 36500
          WEIR_TRUSTED_PROXIES: proxy is no address and no network like 10.0.0.0/8
          WEIR_EVENT_NAMES: "Bad Name" is no event name; use 1 to 64 characters: a lower-case letter, then lower-case letters, digits or underscores
          WEIR_FLUSH_EVENTS=0: expected a whole number from 1
          WEIR_FLUSH_INTERVAL_MS=2s: invalid digit found in string; expected a whole number from 1
          CLICKHOUSE_URL=localhost: expected a URL like http://clickhouse:8123
        "#);
    }

    /// Where others could reach it, nobody has to remember to close the door.
    #[test]
    fn only_loopback_addresses_are_open_and_only_unless_told_otherwise() {
        let open = |variables: &[(&str, &str)]| {
            let config = read(variables).expect("valid");
            (config.ingest.is_open, config.dashboard.is_open)
        };
        assert_eq!(open(&[]), (true, true));
        assert_eq!(
            open(&[("WEIR_INGEST_ADDR", "[::1]:3001"), ("WEIR_DASHBOARD_ADDR", "127.0.0.2:3000")]),
            (true, true)
        );
        assert_eq!(open(&[("WEIR_INGEST_ADDR", "0.0.0.0:3001")]), (false, true));
        assert_eq!(
            open(&[("WEIR_INGEST_ADDR", "[::]:3001"), ("WEIR_DASHBOARD_ADDR", "10.0.0.1:3000")]),
            (false, false)
        );
        assert_eq!(open(&[("WEIR_AUTH", "required")]), (false, false));
    }

    #[test]
    fn clickhouse_is_on_this_machine_if_it_is_embedded_or_behind_a_loopback_address() {
        for (url, is_local) in [
            ("", true),
            ("http://127.0.0.1:8123", true),
            ("http://127.0.0.2:8123", true),
            ("http://[::1]:8123", true),
            ("https://localhost", true),
            ("http://clickhouse:8123", false),
            ("http://localhost.example.org", false),
        ] {
            let config = read(&[("CLICKHOUSE_URL", url)]).expect("valid");
            assert_eq!(config.store.is_local(), is_local, "{url:?}");
        }
    }

    #[test]
    fn secrets_are_not_printed() {
        let config = read(&[("CLICKHOUSE_PASSWORD", "hunter2")]).expect("valid");
        assert!(!format!("{config:?}").contains("hunter2"));
    }

    /// `.env.example` is what an operator reads first: it must list each setting, with its meaning and default.
    #[test]
    fn env_example_and_readme_list_every_setting() {
        let expected: String = SETTINGS
            .iter()
            .map(|setting| format!("# {}\n# {}={}\n\n", setting.help, setting.name, setting.default))
            .collect();
        // What only docker-compose.yml reads is held against that file (tests/it/compose.rs).
        let actual =
            include_str!("../.env.example").split("# ---- docker-compose.yml alone").next().unwrap_or_default();
        assert_eq!(actual.trim_end(), expected.trim_end(), "write this to .env.example:\n{expected}");
        let readme = include_str!("../README.md");
        for Setting { name, default, .. } in SETTINGS {
            let row =
                format!("| `{name}` | {}", if default.is_empty() { String::new() } else { format!("`{default}` ") });
            assert!(readme.contains(&row), "README.md has no row that begins {row:?}");
        }
    }
}
