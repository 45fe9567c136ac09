//! `make install` and the systemd unit, for those without containers.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// Runs a target of the Makefile on a tree of its own. `library` stands for the engine's, which is large.
fn make(target: &str, tree: &Path, library: &Path) {
    let output = Command::new("make")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["--no-print-directory", target, "PREFIX=/opt/weir"])
        .arg(format!("DESTDIR={}", tree.display()))
        .arg(format!("WEIR_BIN={}", env!("CARGO_BIN_EXE_weir")))
        .arg(format!("ENGINE_LIBRARY={}", library.display()))
        .env_remove("MAKEFLAGS")
        .output()
        .expect("make runs");
    assert!(output.status.success(), "{}", said(&output));
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// All files below a directory, by their paths from it.
fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut directories = vec![directory.to_owned()];
    while let Some(next) = directories.pop() {
        for entry in fs::read_dir(next).expect("a directory").flatten() {
            match entry.file_type().expect("a type").is_dir() {
                true => directories.push(entry.path()),
                false => found.push(entry.path().strip_prefix(directory).expect("below").to_owned()),
            }
        }
    }
    found.sort();
    found
}

#[test]
fn the_engine_is_the_one_whose_hash_is_recorded_and_its_package_is_locked_by_hash() {
    let engine = Path::new(env!("CARGO_MANIFEST_DIR")).join("engine");
    let lock: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(engine.join("package-lock.json")).expect("text")).expect("JSON");
    let package = &lock["packages"]["node_modules/@chdb/lib-linux-x64-gnu"];
    assert!(package["integrity"].as_str().is_some_and(|hash| hash.starts_with("sha512-")), "{package}");
    if cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        let check = Command::new("sha256sum").args(["--check", "SHA256SUMS"]).current_dir(&engine).output();
        let check = check.expect("it runs");
        assert!(check.status.success(), "{}", said(&check));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn an_engine_of_another_hash_is_refused_again_and_again() {
    let directory = tempfile::tempdir().expect("a directory");
    let (root, tree) = (Path::new(env!("CARGO_MANIFEST_DIR")), directory.path());
    fs::create_dir_all(tree.join("src/dashboard")).expect("a directory");
    fs::create_dir_all(tree.join("engine")).expect("a directory");
    for file in ["Makefile", "engine/package-lock.json", "engine/SHA256SUMS"] {
        fs::copy(root.join(file), tree.join(file)).expect("a copy");
    }
    // What npm leaves, with another library in it.
    let npm = tree.join("npm");
    let unpack = "d=engine/node_modules/@chdb/lib-linux-x64-gnu; mkdir -p $d; echo another > $d/libchdb.so";
    fs::write(&npm, format!("#!/bin/sh\n{unpack}; echo {{}} > engine/node_modules/.package-lock.json\n"))
        .expect("a file");
    fs::set_permissions(&npm, fs::Permissions::from_mode(0o755)).expect("a program");
    for attempt in 1..=2 {
        let mut shell = Command::new("sh");
        shell.args(["-c", "PATH=$PWD:$PATH make engine/node_modules/.package-lock.json"]).current_dir(tree);
        let told = said(&shell.env_remove("MAKEFLAGS").output().expect("make runs"));
        assert!(told.contains("libchdb.so: FAILED"), "attempt {attempt}: {told}");
    }
}

#[test]
fn what_is_installed_runs_and_is_removed_again_but_for_the_settings() {
    let directory = tempfile::tempdir().expect("a directory");
    let (tree, library) = (directory.path().join("tree"), directory.path().join("libchdb.so"));
    fs::write(&library, "").expect("a file");

    make("install", &tree, &library);
    let expected = [
        "etc/weir/weir.env",
        "opt/weir/bin/weir",
        "opt/weir/lib/systemd/system/weir.service",
        "opt/weir/lib/weir/libchdb.so",
        "opt/weir/lib/weir/weir",
        "opt/weir/share/doc/weir/LICENSE",
        "opt/weir/share/doc/weir/README.md",
        "opt/weir/share/doc/weir/init-db.sql",
    ];
    assert_eq!(files(&tree), expected.map(PathBuf::from));
    let version = Command::new(tree.join("opt/weir/bin/weir")).arg("--version").output().expect("it runs");
    assert_eq!(said(&version), format!("weir {}\n", env!("CARGO_PKG_VERSION")));
    let settings = tree.join("etc/weir/weir.env");
    assert_eq!(settings.metadata().expect("it exists").permissions().mode() & 0o777, 0o600, "it is for secrets");
    let unit = fs::read_to_string(tree.join("opt/weir/lib/systemd/system/weir.service")).expect("a unit");
    assert!(unit.contains("\nExecStart=/opt/weir/bin/weir serve\n"), "{unit}");
    assert!(unit.contains("\nEnvironmentFile=-/etc/weir/weir.env\n"), "{unit}");
    assert!(!unit.contains("@PREFIX@") && !unit.contains("@SYSCONFDIR@"), "{unit}");

    fs::write(&settings, "WEIR_LOG=debug\n").expect("a change");
    make("install", &tree, &library);
    assert_eq!(fs::read_to_string(&settings).expect("it stays"), "WEIR_LOG=debug\n");
    make("uninstall", &tree, &library);
    assert_eq!(files(&tree), [PathBuf::from("etc/weir/weir.env")]);
}

#[test]
fn the_unit_gives_weir_its_own_directory_and_no_right_beyond() {
    let unit = include_str!("../../deploy/weir.service");
    for line in [
        "DynamicUser=yes",
        "StateDirectory=weir",
        "Environment=WEIR_DATA_DIR=%S/weir",
        "CapabilityBoundingSet=",
        "NoNewPrivileges=yes",
        "ProtectSystem=strict",
        "ProtectHome=yes",
        "PrivateTmp=yes",
        "PrivateDevices=yes",
        "SystemCallFilter=@system-service",
        "UMask=0077",
        // The engine is Weir's to stop, after the last flush.
        "KillMode=mixed",
    ] {
        assert!(unit.lines().any(|found| found == line), "{line}");
    }
}
