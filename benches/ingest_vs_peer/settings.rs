//! What a benchmark is told by the environment.

pub fn setting(name: &str) -> Option<String> {
    std::env::vars().find_map(|(key, value)| (key == name).then_some(value))
}

pub fn number(name: &str, default: u64) -> u64 {
    setting(name).and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// Whether a part of the benchmark is to be run: `BENCH_ONLY` names some, separated by commas.
pub fn is_wanted(part: &str) -> bool {
    setting("BENCH_ONLY").is_none_or(|only| only.split(',').any(|each| each == part))
}
