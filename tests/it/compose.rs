//! docker-compose.yml, held against what it stands on: the settings, `.env.example`, the Dockerfile; and its services, run by
//! their commands and environments as plain processes.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::{
        fs::{MetadataExt, PermissionsExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use rustix::process::{Pid, Signal, geteuid, kill_process};
use serde_json::{Value, json};
use weir::config::SETTINGS;

use crate::{
    app::{engine_endpoint, event, eventually, new_database, select},
    process::free_ports,
};

const SERVICES: [&str; 3] = ["clickhouse", "dashboard", "ingestion"];

/// Of the embedded engine, which no service has, of commands that are clients, and of TLS, which is the proxy's in front.
const NOT_IN_CONTAINERS: [&str; 6] =
    ["WEIR_ENGINE_LIBRARY", "WEIR_ENGINE_PORT", "WEIR_TLS_CERT", "WEIR_TLS_KEY", "WEIR_TOKEN", "WEIR_WRITE_KEY"];

/// What ClickHouse's image reads.
const OF_CLICKHOUSE_IMAGE: [&str; 2] = ["CLICKHOUSE_PASSWORD", "CLICKHOUSE_USER"];

const COMPOSE_FILE: &str = include_str!("../../docker-compose.yml");
const ENV_EXAMPLE: &str = include_str!("../../.env.example");
const DOCKERFILE: &str = include_str!("../../Dockerfile");

fn compose() -> Value {
    serde_saphyr::from_str(COMPOSE_FILE).expect("YAML")
}

fn service(name: &str) -> Value {
    compose()["services"][name].clone()
}

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().map(|text| text.as_str().expect("a text")).collect()
}

fn environment(service: &Value) -> Vec<(&str, &str)> {
    let variables = service["environment"].as_object().expect("variables");
    variables.iter().map(|(name, value)| (name.as_str(), value.as_str().expect("a text"))).collect()
}

/// A `${NAME}`, `${NAME:-default}` or `${NAME:?message}`.
struct Reference {
    name: &'static str,
    /// With its mark, `-` or `?`; empty if there is none.
    otherwise: &'static str,
}

fn references() -> Vec<Reference> {
    let inside = COMPOSE_FILE.split("${").skip(1).map(|rest| rest.split('}').next().expect("a closing brace"));
    inside
        .map(|text| {
            let (name, otherwise) = text.split_once(':').unwrap_or((text, ""));
            Reference { name, otherwise }
        })
        .collect()
}

/// As compose puts in the variables of `.env`.
fn interpolated(text: &str, variables: &[(&str, &str)]) -> Result<String, String> {
    let Some((before, rest)) = text.split_once("${") else { return Ok(text.to_owned()) };
    let (inside, after) = rest.split_once('}').expect("a closing brace");
    let (name, otherwise) = inside.split_once(':').unwrap_or((inside, ""));
    let set = variables.iter().find(|(known, value)| *known == name && !value.is_empty());
    let value = match (set, otherwise.split_at_checked(1)) {
        (Some((_, value)), _) => *value,
        (None, Some(("?", message))) => return Err(message.to_owned()),
        (None, Some(("-", default))) => default,
        (None, _) => "",
    };
    Ok(format!("{before}{value}{}", interpolated(after, variables)?))
}

#[test]
fn the_services_are_the_three_that_belong_together() {
    let compose = compose();
    assert_eq!(compose["services"].as_object().expect("services").keys().collect::<Vec<_>>(), SERVICES);
    assert_eq!(service("clickhouse")["image"], "clickhouse/clickhouse-server:24.1");
    let init = "./init-db.sql:/docker-entrypoint-initdb.d/init-db.sql:ro";
    assert!(texts(&service("clickhouse")["volumes"]).contains(&init));
    for half in ["ingestion", "dashboard"] {
        assert_eq!(service(half)["depends_on"]["clickhouse"]["condition"], "service_healthy");
        assert_eq!(service(half)["environment"]["CLICKHOUSE_URL"], "http://clickhouse:8123");
        assert_eq!(service(half)["environment"]["CLICKHOUSE_DATABASE"], "weir", "the one of init-db.sql");
    }
}

#[test]
fn every_service_is_watched_bounded_and_without_rights_that_it_does_not_need() {
    for name in SERVICES {
        let service = service(name);
        assert_eq!(service["healthcheck"]["test"][0], "CMD", "{name}: the image has no shell");
        for key in ["interval", "timeout", "retries", "start_period"] {
            assert!(!service["healthcheck"][key].is_null(), "{name}: healthcheck.{key}");
        }
        assert_eq!(service["restart"], "unless-stopped", "{name}");
        assert_eq!(service["read_only"], true, "{name}");
        assert_eq!(service["cap_drop"], json!(["ALL"]), "{name}");
        assert_eq!(service["security_opt"], json!(["no-new-privileges:true"]), "{name}");
        for key in ["max-size", "max-file"] {
            assert!(service["logging"]["options"][key].is_string(), "{name}: logging.{key}");
        }
        for key in ["cpus", "memory"] {
            assert!(service["deploy"]["resources"]["limits"][key].is_string(), "{name}: limits.{key}");
        }
        assert!(service["pids_limit"].is_u64() && service["ulimits"]["nofile"].is_u64(), "{name}");
        let user = service["user"].as_str().and_then(|user| user.split_once(':')).expect("a user and a group");
        assert!([user.0, user.1].iter().all(|id| id.parse::<u32>().is_ok_and(|id| id > 0)), "{name}: {user:?}");
    }
}

#[test]
fn every_setting_reaches_a_service_and_no_service_is_given_what_nobody_reads() {
    let (ingestion, dashboard, clickhouse) = (service("ingestion"), service("dashboard"), service("clickhouse"));
    let given: BTreeSet<_> =
        environment(&ingestion).into_iter().chain(environment(&dashboard)).map(|(name, _)| name).collect();
    let known = SETTINGS.iter().map(|setting| setting.name).filter(|name| !NOT_IN_CONTAINERS.contains(name));
    assert_eq!(given, known.collect());
    let names: Vec<_> = environment(&clickhouse).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, OF_CLICKHOUSE_IMAGE);
    // Both halves must agree on what they share.
    for (name, value) in environment(&ingestion) {
        let other = environment(&dashboard).into_iter().find(|(other, _)| *other == name);
        assert!(other.is_none_or(|(_, other)| other == value), "{name}");
    }
}

#[test]
fn env_example_documents_every_variable_with_its_default() {
    let of_compose = ENV_EXAMPLE.split("# ---- docker-compose.yml alone ----\n").nth(1).expect("a part for compose");
    let documented: BTreeSet<_> = of_compose
        .lines()
        .filter_map(|line| line.strip_prefix("# ")?.split_once('='))
        .filter(|(name, _)| name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_'))
        .collect();
    let is_setting = |name: &str| SETTINGS.iter().any(|setting| setting.name == name);
    let beyond_settings = references().into_iter().filter(|reference| !is_setting(reference.name));
    let used = beyond_settings.map(|Reference { name, otherwise }| (name, otherwise.trim_start_matches('-')));
    assert_eq!(documented, used.collect());
    // Weir reads .env, too, and refuses what it does not know under its own prefix.
    assert!(documented.iter().all(|(name, _)| !name.starts_with("WEIR_")));
}

#[test]
fn ports_are_published_to_this_machine_alone_unless_env_says_otherwise() {
    for (name, variable, port) in [
        ("clickhouse", "CLICKHOUSE_PUBLISH", 8123),
        ("ingestion", "INGEST_PUBLISH", 3001),
        ("dashboard", "DASHBOARD_PUBLISH", 3000),
    ] {
        assert_eq!(service(name)["ports"], json!([format!("${{{variable}:-127.0.0.1:{port}}}:{port}")]));
    }
}

#[test]
fn nothing_starts_without_a_password() {
    for name in SERVICES {
        let service = service(name);
        let (_, password) =
            environment(&service).into_iter().find(|(name, _)| *name == "CLICKHOUSE_PASSWORD").expect("one");
        for unset in [&[][..], &[("CLICKHOUSE_PASSWORD", "")]] {
            let refusal = interpolated(password, unset).expect_err("a refusal");
            assert!(refusal.starts_with("set CLICKHOUSE_PASSWORD in .env"), "{refusal}");
        }
    }
    let secrets = references().into_iter().filter(|reference| reference.name.contains("PASSWORD"));
    assert!(secrets.into_iter().all(|reference| reference.otherwise.starts_with('?')), "a secret has no default");
}

#[test]
fn every_volume_is_declared_and_used_and_what_is_mounted_is_there() {
    let compose = compose();
    let declared: BTreeSet<_> = compose["volumes"].as_object().expect("volumes").keys().cloned().collect();
    let mut used = BTreeSet::new();
    for name in SERVICES {
        for volume in texts(&service(name)["volumes"]) {
            let (source, target) = volume.split_once(':').expect("a source and a target");
            match source.strip_prefix("./") {
                Some(file) => {
                    assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join(file).is_file(), "{volume}");
                    assert!(target.ends_with(":ro"), "{volume}");
                }
                None => assert!(used.insert(source.to_owned()), "{volume} is shared"),
            }
        }
    }
    assert_eq!(used, declared);
}

/// The values of an instruction in the stage of an image.
fn instructions(stage: &str, instruction: &str) -> Vec<String> {
    let text = DOCKERFILE.replace("\\\n", " ");
    let mut inside = false;
    let mut found = Vec::new();
    for line in text.lines() {
        if let Some(from) = line.strip_prefix("FROM ") {
            inside = from.ends_with(&format!(" AS {stage}"));
        } else if let Some(value) = line.strip_prefix(instruction).filter(|_| inside) {
            found.push(value.trim().to_owned());
        }
    }
    found
}

#[test]
fn the_image_is_what_the_services_take_it_for() {
    assert!(DOCKERFILE.contains(" AS weir\n") && DOCKERFILE.contains("\nFROM weir AS weir-with-engine\n"));
    for half in ["ingestion", "dashboard"] {
        let service = service(half);
        assert_eq!(service["build"]["target"], "weir");
        assert_eq!(instructions("weir", "USER "), [service["user"].as_str().expect("a user")]);
        let version = format!("weir:{}", env!("CARGO_PKG_VERSION"));
        assert_eq!(service["image"], version.as_str());
    }
    assert_eq!(instructions("weir", "ENTRYPOINT "), [r#"["weir"]"#]);
    assert_eq!(instructions("weir", "ARG VERSION="), [env!("CARGO_PKG_VERSION")]);
    let variables = instructions("weir", "ENV ").remove(0);
    let ingestion = service("ingestion");
    for (name, value) in environment(&ingestion).into_iter().chain(environment(&service("dashboard"))) {
        if ["WEIR_DATA_DIR", "WEIR_INGEST_ADDR", "WEIR_DASHBOARD_ADDR"].contains(&name) {
            assert!(variables.contains(&format!("{name}={value}")), "{name} in {variables}");
        }
    }
}

// ---- Running -------------------------------------------------------------------------------------------------------

/// A tree that nobody may write to, but for the volumes of services, and the program in it.
struct Tree {
    root: tempfile::TempDir,
    /// Of the services, where this process may give it away.
    user: Option<u32>,
    /// In the place of the one that is theirs alone on a server of their own.
    database: String,
    /// What the services print.
    printed: tempfile::NamedTempFile,
}

impl Tree {
    fn new(database: String) -> Self {
        let root = tempfile::tempdir().expect("a directory");
        let built = env!("CARGO_BIN_EXE_weir");
        let program = root.path().join("weir");
        // The directory it was built in may be closed to another user.
        fs::hard_link(built, &program).or_else(|_| fs::copy(built, &program).map(drop)).expect("the program");
        let user = service("ingestion")["user"].as_str().and_then(|user| user.split(':').next()?.parse().ok());
        let user = user.filter(|_| geteuid().is_root());
        fs::create_dir(root.path().join("journal")).expect("a volume");
        fs::set_permissions(root.path().join("journal"), fs::Permissions::from_mode(0o700)).expect("its mode");
        chown(root.path().join("journal"), user, user).expect("its owner");
        fs::set_permissions(root.path(), fs::Permissions::from_mode(0o555)).expect("its mode");
        Self { root, user, database, printed: tempfile::NamedTempFile::new().expect("a file") }
    }

    /// A secret that a service has told at its first start.
    async fn told(&self, name: &str) -> String {
        let found = || {
            let printed = fs::read_to_string(self.printed.path()).expect("text");
            printed.lines().find_map(|line| Some(line.trim().strip_prefix(name)?.trim().to_owned()))
        };
        eventually(name, || async { found().is_some() }).await;
        found().expect("it was there")
    }

    fn volume(&self) -> PathBuf {
        self.root.path().join("journal")
    }

    /// A command line of a service, in its environment.
    fn command(&self, service: &Value, arguments: &[&str], ports: [u16; 2]) -> Command {
        let endpoint = engine_endpoint();
        let of_env_file = [("CLICKHOUSE_PASSWORD", endpoint.writer.password.expose())];
        let mut command = Command::new(self.root.path().join("weir"));
        command.args(arguments).env_clear().current_dir(self.root.path());
        for (name, value) in environment(service) {
            let value = interpolated(value, &of_env_file).expect("all that must be set");
            // What a network and a mount of its own would make of them.
            let value = match name {
                "CLICKHOUSE_URL" => endpoint.url.clone(),
                "CLICKHOUSE_DATABASE" => self.database.clone(),
                "WEIR_INGEST_ADDR" => format!("127.0.0.1:{}", ports[0]),
                "WEIR_DASHBOARD_ADDR" => format!("127.0.0.1:{}", ports[1]),
                "WEIR_DATA_DIR" => self.volume().display().to_string(),
                _ => value,
            };
            command.env(name, value);
        }
        if let Some(user) = self.user {
            command.uid(user).gid(user);
        }
        // Both services write at its end.
        let printed = fs::OpenOptions::new().append(true).open(self.printed.path()).expect("a file");
        command.stdout(printed).stderr(Stdio::null());
        command
    }

    async fn is_healthy(&self, service: &Value, ports: [u16; 2]) -> bool {
        let check = texts(&service["healthcheck"]["test"]);
        let ["CMD", "weir", arguments @ ..] = check.as_slice() else { panic!("{check:?}") };
        let mut command = self.command(service, arguments, ports);
        tokio::task::spawn_blocking(move || command.status().expect("it runs").success()).await.expect("no panic")
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        // So that its owner can remove what is in it; the directory goes with the machine at the latest.
        let _ = fs::set_permissions(self.root.path(), fs::Permissions::from_mode(0o755));
    }
}

/// A service at work; it does not outlive the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // An ended process is no error.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn the_services_run_by_their_commands_and_environments_as_their_user_on_a_read_only_tree() {
    let database = new_database();
    let script = include_str!("../../init-db.sql").replace("weir;", &format!("{database};"));
    for statement in script.split(";\n").map(str::trim).filter(|statement| !statement.is_empty()) {
        let chosen = if statement.contains("CREATE DATABASE") { "default" } else { &database };
        select(chosen, statement).await.unwrap_or_else(|| panic!("{statement}"));
    }
    let (tree, ports) = (Tree::new(database), free_ports::<2>());
    let halves = ["ingestion", "dashboard"].map(service);
    for half in &halves {
        assert!(!tree.is_healthy(half, ports).await, "nothing runs");
    }
    let mut running = halves
        .each_ref()
        .map(|half| Running(tree.command(half, &texts(&half["command"]), ports).spawn().expect("it starts")));
    for half in &halves {
        eventually("a healthy service", || tree.is_healthy(half, ports)).await;
    }

    let http = reqwest::Client::new();
    let events = json!([event(json!({})), event(json!({})), event(json!({}))]);
    let send =
        |key: String| http.post(format!("http://127.0.0.1:{}/events", ports[0])).bearer_auth(key).json(&events).send();
    assert_eq!(send("nonsense".to_owned()).await.expect("a reply").status(), 401);
    assert_eq!(send(tree.told("Write key").await).await.expect("a reply").status(), 202);
    let session = json!({ "password": tree.told("Password").await });
    let session = http.post(format!("http://127.0.0.1:{}/api/session", ports[1])).json(&session).send().await;
    let cookie = session.expect("a reply").headers()["set-cookie"].clone();
    assert!(fs::read(tree.volume().join("credentials.json")).is_ok(), "it knows its keys without ClickHouse");
    eventually("the events on the dashboard", || async {
        let url = format!("http://127.0.0.1:{}/api/queries/error_rate?range=1h", ports[1]);
        let Ok(reply) = http.get(url).header("cookie", &cookie).send().await else { return false };
        let answer: Value = reply.json().await.expect("an answer");
        answer["rows"].as_array().into_iter().flatten().filter_map(|row| row["events"].as_u64()).sum::<u64>() == 3
    })
    .await;

    for service in &mut running {
        kill_process(Pid::from_child(&service.0), Signal::TERM).expect("it can be signalled");
    }
    for service in &mut running {
        eventually("an end in order", || {
            let ended = service.0.try_wait().expect("it can be waited for");
            async move { ended.inspect(|status| assert!(status.success(), "{status}")).is_some() }
        })
        .await;
    }
    let names = fs::read_dir(tree.root.path()).expect("a directory").flatten().map(|entry| entry.file_name());
    assert_eq!(names.collect::<BTreeSet<_>>(), ["journal".into(), "weir".into()].into());
    let lock = tree.volume().join("lock").metadata().expect("what a process at work leaves");
    assert!(tree.user.is_none_or(|user| lock.uid() == user));
}
