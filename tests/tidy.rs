//! The house rules that a machine can check. `CONTRIBUTING.md` says what each is good for; a failure names the rule, the
//! file and the line. Rust is read with its comments and literals blanked, so that words in them are not taken for code.

use std::{
    fs,
    path::{Path, PathBuf},
};

const FILE_LINES_MAX: usize = 400;

/// Modules without a stage's knowledge, which every stage may use.
const FOUNDATION: [&str; 3] = ["clock", "config", "event"];

/// What each stage may import beside itself and the foundation. `http` and `demo` know every stage, as `app.rs` does.
const STAGE_IMPORTS: [(&str, &[&str]); 8] = [
    ("ingest", &["journal"]),
    ("journal", &[]),
    ("store", &["journal"]),
    ("queries", &["store"]),
    ("engine", &["store"]),
    ("access", &["store"]),
    ("http", &["access", "ingest", "journal", "store", "queries"]),
    ("demo", &["app", "ingest", "journal", "store", "queries", "http"]),
];

/// The engine hands out how to reach it, in the store's words, and knows nothing else of the store.
const ENGINE_SEES_OF_STORE: [&str; 2] = ["Endpoint", "Login"];

const NAMELESS: [&str; 9] = ["util", "utils", "common", "helper", "helpers", "manager", "managers", "misc", "v2"];

/// Put together here, so that this file does not hold what it looks for.
const UNFINISHED: [&str; 3] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("X", "XX")];

/// Folders that are built or installed, not written.
const NOT_OURS: [&str; 5] = ["node_modules", "dist", "target", "test-results", "playwright-report"];

#[test]
fn imports_between_stages_go_one_way() {
    let mut found = Vec::new();
    for file in rust("src") {
        let Some(stage) = file.stage() else { continue };
        let Some((_, allowed)) = STAGE_IMPORTS.iter().find(|(name, _)| *name == stage) else {
            found.push(format!("{}: the stage {stage:?} is not in STAGE_IMPORTS", file.path));
            continue;
        };
        for (line, path) in crate_paths(&file.code) {
            let first = path[0].as_str();
            let known = first == stage || FOUNDATION.contains(&first) || allowed.contains(&first);
            let beyond = stage == "engine"
                && first == "store"
                && !path.get(1).is_some_and(|name| ENGINE_SEES_OF_STORE.contains(&name.as_str()));
            if !known || beyond {
                found.push(format!("{}:{line}: {stage} must not know crate::{}", file.path, path.join("::")));
            }
        }
        for at in words(&file.code, "super::super") {
            found.push(format!("{}:{}: name what is outside the stage by crate::", file.path, line_of(&file.code, at)));
        }
    }
    for (name, allowed) in [("config", ["event"].as_slice()), ("event", &[]), ("clock", &[]), ("telemetry", &[])] {
        let file = Source::read(&root().join(format!("src/{name}.rs")));
        let strange = crate_paths(&file.code).into_iter().filter(|(_, path)| !allowed.contains(&path[0].as_str()));
        found.extend(strange.map(|(line, path)| format!("{}:{line}: uses crate::{}", file.path, path.join("::"))));
    }
    verdict("imports go one way: ingest → journal ← store ← queries; only app, http and demo know every stage", found);
}

#[test]
fn files_stay_short_enough_to_be_read_at_once() {
    let mut found = Vec::new();
    for file in rust("src").into_iter().chain(dashboard("src/dashboard/src")).chain(files("src", &["sql"])) {
        let tests = file.path.ends_with(".test.ts");
        let generated = file.path.ends_with(".gen.ts");
        let lines = file.text.lines().take_while(|line| *line != "#[cfg(test)]").count();
        if lines > FILE_LINES_MAX && !tests && !generated {
            found.push(format!("{}: {lines} lines without its tests", file.path));
        }
    }
    verdict("a file has at most 400 lines without its tests; split it by meaning", found);
}

#[test]
fn every_stage_is_one_folder_that_introduces_itself() {
    let mut found = Vec::new();
    for file in rust("src") {
        if file.path.matches('/').count() > 2 {
            found.push(format!("{}: deeper than src/stage/file.rs", file.path));
        }
        let Some(stage) = file.stage() else { continue };
        let introduction = root().join("src").join(stage).join("mod.rs");
        if !fs::read_to_string(&introduction).is_ok_and(|text| text.starts_with("//! ")) {
            found.push(format!("src/{stage}/mod.rs: does not open with //! and what comes in and goes out"));
        }
    }
    found.dedup();
    verdict("a stage is one flat folder whose mod.rs opens with its description", found);
}

#[test]
fn every_file_has_a_name_that_means_something() {
    let mut found = Vec::new();
    for path in ["src", "tests", "benches", "fuzz"].iter().flat_map(|folder| paths_under(&root().join(folder))) {
        let path = relative(&path);
        let mut words = path.split(['/', '.', '_', '-']);
        if let Some(word) = words.find(|word| NAMELESS.contains(word)) {
            found.push(format!("{path}: {word:?} says nothing"));
        }
    }
    verdict("no folder or file is named util, common, helper, manager, misc or v2", found);
}

#[test]
fn nothing_is_left_unfinished() {
    let mut found = Vec::new();
    let kinds = ["rs", "ts", "tsx", "css", "html", "sql", "xml"];
    for file in files("src", &kinds).into_iter().chain(files("tests", &kinds)) {
        for word in UNFINISHED {
            found.extend(words(&file.text, word).map(|at| format!("{}: {word}", file.place(at))));
        }
        for word in ["#[ignore", "todo!", "unimplemented!"] {
            found.extend(file.code.match_indices(word).map(|(at, _)| format!("{}: {word}", file.place(at))));
        }
        let skipped = ["test.skip", "test.only", "it.skip", "it.only", "describe.skip", "describe.only"];
        for word in skipped.iter().filter(|_| !file.is("rs")) {
            found.extend(words(&file.text, word).map(|at| format!("{}: {word}", file.place(at))));
        }
    }
    verdict("the tree holds no note to finish something, no stub and no test that is left out", found);
}

#[test]
fn the_program_does_not_unwrap() {
    let mut found = Vec::new();
    for file in rust("src") {
        let program = file.code.split("\n#[cfg(test)]").next().unwrap_or_default();
        found.extend(program.match_indices(".unwrap()").map(|(at, _)| file.place(at)));
    }
    verdict("outside tests there is no unwrap: return the error, or say with expect why it cannot fail", found);
}

#[test]
fn unsafe_code_is_where_the_engine_is_loaded_and_nowhere_else() {
    let elsewhere = rust("src").into_iter().filter(|file| file.stage() != Some("engine"));
    let found = elsewhere.flat_map(|file| places(&file, "unsafe")).collect();
    verdict("unsafe stands under src/engine only", found);
}

#[test]
fn the_wall_clock_is_read_in_one_place() {
    let mut found = Vec::new();
    for file in rust("src").iter().filter(|file| file.path != "src/clock.rs") {
        for word in ["SystemTime", "UNIX_EPOCH", "Timestamp::now", "Zoned::now"] {
            found.extend(places(file, word));
        }
    }
    verdict("wall-clock time comes from clock.rs, so that a test can fix it", found);
}

#[test]
fn every_query_is_described_ordered_and_bounded() {
    let queries = files("src/queries", &["sql"]);
    assert!(queries.len() >= 4, "the queries are elsewhere now");
    let mut found = Vec::new();
    for file in queries {
        let sql: String =
            file.text.lines().map(|line| format!("{}\n", line.split("--").next().unwrap_or(line))).collect();
        let outermost = outside_parentheses(&sql);
        if !file.text.starts_with("-- ") {
            found.push(format!("{}: no leading comment says what it answers", file.path));
        }
        let Some((body, limit)) = outermost.rsplit_once("\nLIMIT ") else {
            found.push(format!("{}: no LIMIT", file.path));
            continue;
        };
        // A single row has no order, and a file may say why its rows have none.
        let ordered = body.contains("\nORDER BY ") || file.text.contains("\n-- In no order, since ");
        if limit.lines().next() != Some("1") && !ordered {
            found.push(format!("{}: no ORDER BY", file.path));
        }
        for word in ["now", "now64", "today", "yesterday"] {
            let called =
                words(&sql.to_lowercase(), word).any(|at| sql[at + word.len()..].trim_start().starts_with('('));
            if called {
                found.push(format!("{}: {word}() instead of the parameter until", file.path));
            }
        }
    }
    verdict("a query opens with a comment, orders and limits its rows, and takes its moment as a parameter", found);
}

#[test]
fn only_charts_know_the_chart_library_and_they_only_draw() {
    let mut found = Vec::new();
    for file in dashboard("src/dashboard/src") {
        let chart = file.path.starts_with("src/dashboard/src/charts/");
        for (number, line) in
            file.text.lines().enumerate().filter(|(_, line)| line.contains("from \"") || line.contains("import(\""))
        {
            let place = format!("{}:{}", file.path, number + 1);
            if !chart && line.contains("\"recharts") {
                found.push(format!("{place}: recharts is imported in charts/ only"));
            }
            if chart && ["/api/", "/panels/", "react-query"].iter().any(|source| line.contains(source)) {
                found.push(format!("{place}: a chart neither asks nor knows a panel"));
            }
        }
    }
    verdict("a panel asks and maps, a chart draws", found);
}

#[test]
fn a_panel_is_ask_map_and_draw() {
    let mut found = Vec::new();
    let panels = root().join("src/dashboard/src/panels");
    for panel in entries(&panels).into_iter().filter(|path| path.is_dir()) {
        for part in ["ask.ts", "map.ts", "map.test.ts", "draw.tsx"].iter().filter(|part| !panel.join(part).is_file()) {
            found.push(format!("{}: has no {part}", relative(&panel)));
        }
    }
    verdict("a folder in panels/ holds ask.ts, map.ts with its test, and draw.tsx", found);
}

#[test]
fn typescript_is_named_in_kebab_case_and_exported_by_name() {
    let mut found = Vec::new();
    for file in dashboard("src/dashboard/src").into_iter().chain(dashboard("src/dashboard/e2e")) {
        let kebab =
            |character: char| character.is_ascii_lowercase() || character.is_ascii_digit() || "-./".contains(character);
        if !file
            .path
            .chars()
            .filter(|character| *character != '/')
            .all(|character| kebab(character) || "2".contains(character))
        {
            found.push(format!("{}: not in kebab-case", file.path));
        }
        if ["/index.ts", "/index.tsx"].iter().any(|barrel| file.path.ends_with(barrel)) {
            found.push(format!("{}: a barrel; import the file that has the thing", file.path));
        }
        for (number, line) in file.text.lines().enumerate().filter(|(_, line)| line.starts_with("export ")) {
            if line.starts_with("export default") || line.contains(" as default") || line.starts_with("export *") {
                found.push(format!("{}:{}: {line}", file.path, number + 1));
            }
        }
    }
    verdict("TypeScript files are in kebab-case and export by name, without barrels", found);
}

/// The checks above are only as good as what they read the files with.
#[test]
fn the_reader_tells_code_from_words() {
    let source = r##"use crate::{clock, store::{Endpoint, Login as L}, a::b::c}; // crate::comment
        let s = "crate::text"; let r = r#"crate::"raw"#; let c = '"'; fn f<'a>(x: &'a str) { crate::last::call() }"##;
    let code = blanked(source);
    assert_eq!(code.len(), source.len());
    let paths: Vec<String> = crate_paths(&code).into_iter().map(|(_, path)| path.join("::")).collect();
    assert_eq!(paths, ["clock", "store::Endpoint", "store::Login", "a::b::c", "last::call"]);
    assert_eq!(words("unsafe_code unsafe", "unsafe").collect::<Vec<_>>(), [12]);
    assert_eq!(outside_parentheses("SELECT (a ORDER BY (b)) LIMIT 1"), "SELECT  LIMIT 1");
}

// ---- Reading -------------------------------------------------------------------------------------------------------

struct Source {
    /// From the root of the repository, with slashes.
    path: String,
    text: String,
    /// The text of a Rust file with comments and literals blanked, byte for byte; of others, the text.
    code: String,
}

impl Source {
    fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let is_rust = path.extension().is_some_and(|extension| extension == "rs");
        Self { path: relative(path), code: if is_rust { blanked(&text) } else { text.clone() }, text }
    }

    fn is(&self, extension: &str) -> bool {
        self.path.rsplit_once('.').is_some_and(|(_, found)| found == extension)
    }

    /// The folder under src/ that the file lies in.
    fn stage(&self) -> Option<&str> {
        self.path.strip_prefix("src/")?.split_once('/').map(|(stage, _)| stage)
    }

    fn place(&self, at: usize) -> String {
        format!("{}:{}", self.path, line_of(&self.text, at))
    }
}

fn verdict(rule: &str, found: Vec<String>) {
    assert!(found.is_empty(), "\nthe rule: {rule}\nbroken in:\n  {}\n", found.join("\n  "));
}

fn places(file: &Source, word: &str) -> Vec<String> {
    words(&file.code, word).map(|at| format!("{}: {word}", file.place(at))).collect()
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn relative(path: &Path) -> String {
    let path = path.strip_prefix(root()).unwrap_or(path);
    path.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<_> = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    entries.sort();
    entries
}

/// All files and folders below `folder` that people write.
fn paths_under(folder: &Path) -> Vec<PathBuf> {
    let ours = |path: &PathBuf| !NOT_OURS.iter().any(|name| path.ends_with(name));
    let below = |path: PathBuf| {
        let inside = if path.is_dir() { paths_under(&path) } else { Vec::new() };
        [path].into_iter().chain(inside)
    };
    entries(folder).into_iter().filter(ours).flat_map(below).collect()
}

fn files(folder: &str, extensions: &[&str]) -> Vec<Source> {
    let wanted = |path: &PathBuf| {
        path.is_file() && extensions.iter().any(|wanted| path.extension().is_some_and(|found| found == *wanted))
    };
    paths_under(&root().join(folder)).iter().filter(|path| wanted(path)).map(|path| Source::read(path)).collect()
}

fn rust(folder: &str) -> Vec<Source> {
    let found = files(folder, &["rs"]);
    assert!(!found.is_empty(), "no Rust file under {folder}");
    found
}

fn dashboard(folder: &str) -> Vec<Source> {
    let found = files(folder, &["ts", "tsx"]);
    assert!(!found.is_empty(), "no TypeScript file under {folder}");
    found
}

fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() + 1
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// Where `word` stands on its own.
fn words<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let alone = move |at: &usize| {
        !text[..*at].chars().next_back().is_some_and(is_word)
            && !text[at + word.len()..].chars().next().is_some_and(is_word)
    };
    text.match_indices(word).map(|(at, _)| at).filter(alone)
}

/// The text at depth 0.
fn outside_parentheses(text: &str) -> String {
    let mut depth = 0_i32;
    let mut outside = String::new();
    for character in text.chars() {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ if depth == 0 => outside.push(character),
            _ => {}
        }
    }
    outside
}

/// Every path that begins with `crate::`, groups taken apart, with its line.
fn crate_paths(code: &str) -> Vec<(usize, Vec<String>)> {
    let mut paths = Vec::new();
    for at in words(code, "crate").filter(|at| code[at + 5..].starts_with("::")) {
        let mut tree = Vec::new();
        use_tree(&code[at + 7..], &mut Vec::new(), &mut tree);
        paths.extend(tree.into_iter().filter(|path| !path.is_empty()).map(|path| (line_of(code, at), path)));
    }
    paths
}

/// Reads one branch of a use tree behind `prefix`; answers what follows it.
fn use_tree<'a>(text: &'a str, prefix: &mut Vec<String>, paths: &mut Vec<Vec<String>>) -> &'a str {
    let text = text.trim_start();
    if let Some(mut rest) = text.strip_prefix('{') {
        loop {
            rest = use_tree(rest, &mut prefix.clone(), paths).trim_start();
            // What stands before the comma or the brace is a new name, which does not matter here.
            let end = rest.find([',', '}']).unwrap_or(rest.len());
            let closed = !rest[end..].starts_with(',');
            rest = rest.get(end + 1..).unwrap_or_default();
            if closed || rest.is_empty() {
                return rest;
            }
        }
    }
    let end = text.find(|character| !is_word(character)).unwrap_or(text.len());
    if end > 0 {
        prefix.push(text[..end].to_owned());
    }
    match text[end..].strip_prefix("::") {
        Some(rest) if end > 0 => use_tree(rest, prefix, paths),
        _ => {
            if end > 0 {
                paths.push(prefix.clone());
            }
            &text[end..]
        }
    }
}

/// Rust with its comments and the insides of its literals as spaces; lines and offsets stay.
fn blanked(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let length = match rest {
            [b'/', b'/', ..] => position(rest, b"\n").unwrap_or(rest.len()),
            [b'"', ..] => quoted(rest),
            [b'r', b'"' | b'#', ..] if at == 0 || !is_word(char::from(bytes[at - 1])) || bytes[at - 1] == b'b' => {
                raw(rest)
            }
            // A lifetime has no second quote; a character may be a quote itself.
            [b'\'', b'\\', ..] => 4 + position(&rest[3..], b"'").unwrap_or_default(),
            [b'\'', _, b'\'', ..] => 3,
            _ => 0,
        };
        out[at..at + length].iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b' ');
        at += length.max(1);
    }
    String::from_utf8(out.iter().map(|byte| if byte.is_ascii() { *byte } else { b' ' }).collect()).expect("it is ASCII")
}

/// Length of the string that `rest` begins with.
fn quoted(rest: &[u8]) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != b'"' {
        at += if rest[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(rest.len())
}

/// Length of the raw string that `rest` begins with; 0 if it is a raw identifier.
fn raw(rest: &[u8]) -> usize {
    let hashes = rest[1..].iter().take_while(|byte| **byte == b'#').count();
    if rest.get(1 + hashes) != Some(&b'"') {
        return 0;
    }
    let end = [b"\"".as_slice(), &b"#".repeat(hashes)].concat();
    let inside = &rest[2 + hashes..];
    2 + hashes + position(inside, &end).map_or(inside.len(), |found| found + end.len())
}

fn position(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}
