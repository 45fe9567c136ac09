//! TLS on both listeners, and proxies in front of them.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Stdio},
};

use rcgen::CertifiedKey;
use reqwest::{Certificate, Client};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::app::{TestApp, event, eventually};

/// The files of a certificate.
struct Files {
    directory: tempfile::TempDir,
}

impl Files {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().expect("a directory") }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Puts a new certificate for this machine in the place of the one before; answers a client that trusts it alone.
    fn renew(&self) -> Client {
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let CertifiedKey { cert, signing_key } = rcgen::generate_simple_self_signed(names).expect("a certificate");
        fs::write(self.path("key.pem"), signing_key.serialize_pem()).expect("written");
        fs::write(self.path("cert.pem"), cert.pem()).expect("written");
        let trusted = Certificate::from_pem(cert.pem().as_bytes()).expect("a certificate");
        Client::builder().tls_certs_only([trusted]).build().expect("a client")
    }

    async fn start(&self) -> TestApp {
        self.start_with(&[]).await
    }

    async fn start_with(&self, more: &[(&str, &str)]) -> TestApp {
        let [certificate, key] = ["cert.pem", "key.pem"].map(|name| self.path(name).display().to_string());
        let settings = [("WEIR_TLS_CERT", certificate.as_str()), ("WEIR_TLS_KEY", key.as_str())];
        let mut app = TestApp::start_with(&[&settings, more].concat()).await;
        for url in [&mut app.ingest_url, &mut app.dashboard_url] {
            *url = url.replace("http://", "https://");
        }
        app
    }
}

#[tokio::test]
async fn events_and_pages_come_over_tls() {
    let files = Files::new();
    let http = files.renew();
    let app = files.start().await;
    let events = |header: &'static str| {
        let request = http.post(format!("{}/events", app.ingest_url)).header("Content-Type", "application/json");
        request.header(header, "x").body(json!([event(json!({}))]).to_string()).send()
    };
    // A simple request, one that hyper is needed for, and a simple one again, on the same connection.
    for header in ["User-Agent", "X-More", "User-Agent"] {
        assert_eq!(events(header).await.expect("a reply").status(), 202);
    }
    app.stored(3).await;
    let page = http.get(&app.dashboard_url).send().await.expect("a reply");
    assert!(page.headers().contains_key("strict-transport-security"));
    let session = http.get(format!("{}/api/session", app.dashboard_url)).send().await.expect("a reply");
    assert_eq!(session.status(), 200);
}

#[tokio::test]
async fn a_cookie_that_came_over_tls_stays_there() {
    let files = Files::new();
    let http = files.renew();
    let app = files.start_with(&[("WEIR_AUTH", "required")]).await;
    let out = http.delete(format!("{}/api/session", app.dashboard_url)).send().await.expect("a reply");
    assert!(out.headers()["set-cookie"].to_str().expect("text").ends_with("; Secure"), "{out:?}");
}

#[tokio::test]
async fn a_new_certificate_is_taken_without_a_restart() {
    let files = Files::new();
    let first = files.renew();
    let app = files.start().await;
    let health = |http: &Client| http.get(format!("{}/health", app.ingest_url)).send();
    assert_eq!(health(&first).await.expect("a reply").status(), 200);
    let second = files.renew();
    eventually("the new certificate", || async { health(&second).await.is_ok() }).await;
    assert_eq!(health(&first).await.expect("its connection goes on").status(), 200);
}

#[tokio::test]
async fn a_client_without_tls_is_told_so_and_one_that_never_ends_its_handshake_is_cut_off() {
    let files = Files::new();
    let http = files.renew();
    let app = files.start_with(&[("WEIR_REQUEST_TIMEOUT_MS", "1000"), ("WEIR_CONNECTIONS_MAX", "50")]).await;
    let address = app.ingest_url.trim_start_matches("https://").to_owned();
    let said = |sent: &'static [u8]| {
        let address = address.clone();
        async move {
            let mut stream = TcpStream::connect(address).await.expect("a connection");
            stream.write_all(sent).await.expect("sent");
            let mut said = Vec::new();
            stream.read_to_end(&mut said).await.expect("an end, and no reset, which may overtake the reply");
            String::from_utf8_lossy(&said).into_owned()
        }
    };
    let plain = said(b"GET /health HTTP/1.1\r\nHost: weir\r\n\r\n").await;
    assert!(plain.starts_with("HTTP/1.1 400 ") && plain.ends_with("this port speaks TLS: use https://\n"), "{plain}");
    let mut idle = Vec::new();
    for _ in 0..60 {
        let mut stream = TcpStream::connect(&address).await.expect("a connection");
        stream.write_all(&[22, 3, 1, 2]).await.expect("sent");
        idle.push(stream);
    }
    assert_eq!(http.get(format!("{}/health", app.ingest_url)).send().await.expect("a reply").status(), 200);
    // Each ends by itself.
    for mut stream in idle {
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
    }
}

#[tokio::test]
async fn files_that_are_no_certificate_end_the_start_with_the_reason() {
    let files = Files::new();
    drop(files.renew());
    let another_key = fs::read_to_string(files.path("key.pem")).expect("a key");
    let data_dir = files.path("data");
    for (name, content, expected) in [
        ("cert.pem", Some("nonsense"), "cert.pem: no certificate in PEM form"),
        ("key.pem", Some("nonsense"), "key.pem: no private key in PEM form"),
        ("key.pem", None, "key.pem: No such file"),
        ("key.pem", Some(another_key.as_str()), "cannot be used together"),
    ] {
        drop(files.renew());
        match content {
            Some(content) => fs::write(files.path(name), content).expect("written"),
            None => fs::remove_file(files.path(name)).expect("removed"),
        }
        let output = Command::new(env!("CARGO_BIN_EXE_weir"))
            .arg("ingest")
            .env("CLICKHOUSE_URL", "http://127.0.0.1:9")
            .env("WEIR_INGEST_ADDR", "127.0.0.1:0")
            .env("WEIR_DATA_DIR", &data_dir)
            .env("WEIR_TLS_CERT", files.path("cert.pem"))
            .env("WEIR_TLS_KEY", files.path("key.pem"))
            .stdout(Stdio::null())
            .output()
            .expect("it runs");
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && told.contains(expected), "{told}");
        assert!(!data_dir.exists(), "nothing is begun, and so no key and no password is made that nobody is told");
    }
}

#[tokio::test]
async fn a_trusted_proxy_says_who_guesses_and_that_there_is_tls() {
    let guessed = async |settings: &[(&str, &str)]| {
        let app = TestApp::start_with(&[&[("WEIR_AUTH", "required")], settings].concat()).await;
        app.schema().await;
        let guess = async |address: String| {
            let request = app.http.post(format!("{}/api/session", app.dashboard_url));
            let request = request.header("X-Forwarded-For", address).json(&json!({ "password": "a wrong password" }));
            request.send().await.expect("a reply").status().as_u16()
        };
        // Until it has a password of its own.
        eventually("a first guess", || async { guess("198.51.100.1".to_owned()).await != 409 }).await;
        let mut statuses = Vec::new();
        for number in 0..10 {
            statuses.push(guess(format!("203.0.113.{number}")).await);
        }
        let out = app.http.delete(format!("{}/api/session", app.dashboard_url)).header("X-Forwarded-Proto", "https");
        let out = out.send().await.expect("a reply");
        (statuses.contains(&429), out.headers()["set-cookie"].to_str().expect("text").contains("Secure"))
    };
    assert_eq!(guessed(&[("WEIR_TRUSTED_PROXIES", "127.0.0.0/8")]).await, (false, true));
    assert_eq!(guessed(&[("WEIR_TRUSTED_PROXIES", "10.0.0.1")]).await, (true, false), "anybody can write headers");
}

#[tokio::test]
async fn weir_health_asks_over_tls() {
    let files = Files::new();
    drop(files.renew());
    let app = files.start().await;
    let health = |ingest: String| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_weir"));
        command.args(["health", "ingest"]).env("WEIR_INGEST_ADDR", ingest).stderr(Stdio::null());
        command.env("WEIR_TLS_CERT", files.path("cert.pem")).env("WEIR_TLS_KEY", files.path("key.pem"));
        tokio::task::spawn_blocking(move || command.status().expect("it runs").success())
    };
    assert!(health(app.ingest_url.trim_start_matches("https://").to_owned()).await.expect("no panic"));
    assert!(!health("127.0.0.1:9".to_owned()).await.expect("no panic"));
}
