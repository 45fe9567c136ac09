//! Where the engine library is: the places looked at, in order, and the error that lists them.

use std::path::{Path, PathBuf};

use super::EngineError;

/// How far above the program's own directory an `engine/` directory is looked for: `target/release/weir` needs two.
const ANCESTORS_MAX: usize = 4;

const FILE_NAMES: [&str; 2] = ["libchdb.so", "libchdb.dylib"];

/// Finds the engine library.
///
/// A `configured` path is the only place looked at. Otherwise the library may lie beside `program`, or where
/// `npm ci --prefix engine` puts it: in `engine/node_modules` of a directory above the program or of `working_dir`.
///
/// # Errors
///
/// [`EngineError::LibraryNotFound`] with every place looked at.
pub(super) fn find(configured: Option<&Path>, program: &Path, working_dir: &Path) -> Result<PathBuf, EngineError> {
    let places = match configured {
        Some(path) => vec![working_dir.join(path)],
        None => places(program, working_dir),
    };
    match places.iter().find(|place| place.is_file()) {
        Some(found) => Ok(found.clone()),
        None => Err(EngineError::LibraryNotFound { places }),
    }
}

fn places(program: &Path, working_dir: &Path) -> Vec<PathBuf> {
    let mut directories: Vec<PathBuf> = program.parent().map(Path::to_path_buf).into_iter().collect();
    if let Some(package) = package(std::env::consts::OS, std::env::consts::ARCH) {
        let above = program.ancestors().skip(1).take(ANCESTORS_MAX);
        for root in above.chain([working_dir]) {
            let installed = root.join("engine/node_modules").join(package);
            if !directories.contains(&installed) {
                directories.push(installed);
            }
        }
    }
    directories.iter().flat_map(|directory| FILE_NAMES.map(|name| directory.join(name))).collect()
}

/// The npm package, pinned in `engine/package.json`, whose library runs on this platform.
fn package(os: &str, arch: &str) -> Option<&'static str> {
    match (os, arch) {
        ("linux", "x86_64") => Some("@chdb/lib-linux-x64-gnu"),
        ("linux", "aarch64") => Some("@chdb/lib-linux-arm64-gnu"),
        ("macos", "x86_64") => Some("@chdb/lib-darwin-x64"),
        ("macos", "aarch64") => Some("@chdb/lib-darwin-arm64"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_missing_library_is_reported_with_the_places_and_the_way_out() {
        let root = tempfile::tempdir().expect("a temporary directory");
        let error = find(None, &root.path().join("bin/weir"), root.path()).expect_err("nothing is installed");
        let message = error.to_string();
        for part in ["bin/libchdb.so", "npm ci --prefix engine", "WEIR_ENGINE_LIBRARY", "CLICKHOUSE_URL"] {
            assert!(message.contains(part), "{part:?} is missing in: {message}");
        }
    }

    #[test]
    fn a_configured_library_is_the_only_place_looked_at() {
        let root = tempfile::tempdir().expect("a temporary directory");
        fs::write(root.path().join("libchdb.so"), "").expect("a file beside the program");
        let error = find(Some(Path::new("elsewhere.so")), &root.path().join("weir"), root.path())
            .expect_err("the configured file does not exist");
        let EngineError::LibraryNotFound { places } = error else { panic!("another error: {error}") };
        assert_eq!(places, [root.path().join("elsewhere.so")]);
    }

    #[test]
    fn a_build_directory_finds_the_library_that_npm_installed() {
        let root = tempfile::tempdir().expect("a temporary directory");
        let package = package(std::env::consts::OS, std::env::consts::ARCH).expect("a supported platform");
        let installed = root.path().join("engine/node_modules").join(package);
        fs::create_dir_all(&installed).expect("a directory");
        fs::write(installed.join("libchdb.so"), "").expect("a library");
        let found = find(None, &root.path().join("target/release/weir"), Path::new("/nowhere"));
        assert_eq!(found.expect("found"), installed.join("libchdb.so"));
    }
}
