//! Faults under load, and then a count.
//!
//! The oracle: every event has a number, which is written down only after the 2xx of its request. In the end, each
//! number that was written down must be in the table once (lost, duplicated), and no other but those whose reply a kill
//! took (unanswered). Every scenario is a row of the table that is printed; one whose promise does not hold fails the
//! run, and says which.
//!
//! `cargo test --test torture` runs the fast form of each. It asserts nothing about speed, which a busy machine does
//! not have. An argument runs the long form of one, as large as it says: `-- outage=180 kills=100`. `make torture` runs
//! the long form of all.

#[path = "../it/fault_proxy.rs"]
#[expect(dead_code, reason = "the integration tests use more of it")]
mod fault_proxy;
mod idle_connections;
mod kills;
mod ledger;
mod outage;
mod overload;
mod program;
mod stored;
mod verdict;

use std::process::ExitCode;

use verdict::{Form, HEADER, Verdict};

/// Each scenario and how large its fast form is: kills, seconds, seconds, connections.
const FAST: [(&str, u64); 4] = [("kills", 3), ("outage", 4), ("overload", 4), ("idle_connections", 300)];

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let scenarios: Result<Vec<_>, _> = match arguments.as_slice() {
        [] => Ok(FAST.map(|(name, size)| (name, size, Form::Fast)).to_vec()),
        // A filter for the names of tests elsewhere.
        [filter, ..] if !filter.contains('=') => return ExitCode::SUCCESS,
        named => named.iter().map(|argument| long_form(argument)).collect(),
    };
    if std::env::args().any(|argument| argument == "--list") {
        return ExitCode::SUCCESS;
    }
    let scenarios = match scenarios {
        Ok(scenarios) => scenarios,
        Err(mistake) => {
            eprintln!("{mistake}");
            return ExitCode::FAILURE;
        }
    };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    println!("{HEADER}");
    let mut all_good = true;
    for (name, size, form) in scenarios {
        // Row by row: a scenario that ends in a panic takes no earlier row with it.
        let verdict = runtime.block_on(run(name, size, form));
        println!("{verdict}");
        all_good &= verdict.is_good();
    }
    if all_good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Reads `name=size`.
fn long_form(argument: &str) -> Result<(&'static str, u64, Form), String> {
    let read = || {
        let (name, size) = argument.split_once('=')?;
        let (name, _) = FAST.into_iter().find(|(known, _)| *known == name)?;
        Some((name, size.parse().ok().filter(|size| *size > 0)?, Form::Long))
    };
    read().ok_or_else(|| {
        let known = FAST.map(|(name, _)| name).join(", ");
        format!("{argument:?}: expected the name of a scenario ({known}), =, and a whole number from 1")
    })
}

async fn run(name: &'static str, size: u64, form: Form) -> Verdict {
    match name {
        "kills" => kills::run(size, form).await,
        "outage" => outage::run(size, form).await,
        "overload" => overload::run(size, form).await,
        _ => idle_connections::run(size, form).await,
    }
}
