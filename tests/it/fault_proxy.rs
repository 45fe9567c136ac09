//! A proxy between the program and the real engine that breaks what goes through it, on request.
//!
//! It carries one HTTP request a connection, so that a fault hits one request and each is counted.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{JoinHandle, JoinSet},
};

/// What is done to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    None,
    /// Nobody listens. Only as the steady state.
    Refuse,
    /// The request is taken and never answered.
    BlackHole,
    /// The connection is reset in the middle of the request.
    ResetRequest,
    /// The engine does what it is asked; the connection is reset in the middle of its reply.
    ResetReply,
    /// The engine does what it is asked; the connection is reset before the first byte of its reply.
    LoseReply,
    /// The engine does what it is asked; its reply comes late.
    Delay(Duration),
    /// The engine never hears of it; the proxy answers.
    Answer {
        status: u16,
        code: Option<u32>,
        body: &'static str,
    },
}

/// A request that came through.
#[derive(Debug, Clone)]
pub struct Seen {
    pub at: Instant,
    /// The deduplication token; only inserts have one.
    pub token: Option<String>,
}

pub struct FaultProxy {
    pub url: String,
    state: Arc<State>,
    task: JoinHandle<()>,
}

struct State {
    engine: String,
    /// What happens to every request.
    steady: watch::Sender<Fault>,
    /// What happens to the next inserts, before the steady state.
    next_inserts: Mutex<VecDeque<Fault>>,
    seen: Mutex<Vec<Seen>>,
    /// Inserts under way, and the most there were at once.
    in_flight: Mutex<(usize, usize)>,
}

impl FaultProxy {
    /// `engine_url`: what is behind the proxy.
    pub async fn start(engine_url: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let addr = listener.local_addr().expect("bound");
        let state = Arc::new(State {
            engine: engine_url.trim_start_matches("http://").to_owned(),
            steady: watch::channel(Fault::None).0,
            next_inserts: Mutex::default(),
            seen: Mutex::default(),
            in_flight: Mutex::default(),
        });
        let task = tokio::spawn(run(listener, addr, Arc::clone(&state)));
        Self { url: format!("http://{addr}"), state, task }
    }

    /// From now on.
    pub fn set(&self, fault: Fault) {
        self.state.steady.send_replace(fault);
    }

    /// To the next inserts, one fault each.
    pub fn next_inserts(&self, faults: impl IntoIterator<Item = Fault>) {
        lock(&self.state.next_inserts).extend(faults);
    }

    /// Whether all faults for the next inserts have happened.
    pub fn is_done(&self) -> bool {
        lock(&self.state.next_inserts).is_empty()
    }

    pub fn seen(&self) -> Vec<Seen> {
        lock(&self.state.seen).clone()
    }

    /// The tokens of the inserts seen, in order.
    pub fn tokens(&self) -> Vec<String> {
        self.seen().into_iter().filter_map(|seen| seen.token).collect()
    }

    /// The most inserts that were under way at once.
    pub fn inserts_at_once_max(&self) -> usize {
        lock(&self.state.in_flight).1
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no panic under a lock")
}

async fn run(listener: TcpListener, addr: SocketAddr, state: Arc<State>) {
    let mut steady = state.steady.subscribe();
    let mut connections = JoinSet::new();
    let mut listener = Some(listener);
    loop {
        if *steady.borrow_and_update() == Fault::Refuse {
            listener = None;
            if steady.changed().await.is_err() {
                return;
            }
            continue;
        }
        let open = match &listener {
            Some(open) => open,
            None => listener.insert(TcpListener::bind(addr).await.expect("the port is still free")),
        };
        tokio::select! {
            accepted = open.accept() => if let Ok((client, _)) = accepted {
                connections.spawn(carry(client, Arc::clone(&state)));
            },
            _ = steady.changed() => {}
        }
    }
}

/// One request. An error is a side that has gone, which ends it.
async fn carry(mut client: TcpStream, state: Arc<State>) -> Option<()> {
    let mut request = Vec::new();
    let head_length = read_head(&mut client, &mut request).await?;
    let head = String::from_utf8_lossy(&request[..head_length]).into_owned();
    let token = parameter(&head, "insert_deduplication_token");
    let is_insert = token.is_some();
    lock(&state.seen).push(Seen { at: Instant::now(), token });
    let scheduled = if is_insert { lock(&state.next_inserts).pop_front() } else { None };
    let fault = scheduled.unwrap_or_else(|| state.steady.borrow().clone());
    let _counted = is_insert.then(|| InFlight::enter(&state));
    if fault == Fault::ResetRequest {
        return client.set_zero_linger().ok();
    }
    let content_length: usize = header(&head, "content-length").map_or(0, |value| value.parse().expect("a number"));
    let received = request.len();
    request.resize(head_length + content_length, 0);
    client.read_exact(&mut request[received..]).await.ok()?;
    if fault == Fault::BlackHole {
        // Until the client loses patience.
        let _ = client.read(&mut [0]).await;
        return None;
    }
    if let Fault::Answer { status, code, body } = fault {
        let code = code.map(|code| format!("X-ClickHouse-Exception-Code: {code}\r\n")).unwrap_or_default();
        let reply = format!(
            "HTTP/1.1 {status} Told So\r\n{code}Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        return client.write_all(reply.as_bytes()).await.ok();
    }
    let reply = ask_engine(&state.engine, &request).await?;
    match fault {
        Fault::LoseReply => client.set_zero_linger().ok(),
        Fault::ResetReply => {
            client.write_all(&reply[..reply.len() / 2]).await.ok()?;
            client.set_zero_linger().ok()
        }
        Fault::Delay(delay) => {
            tokio::time::sleep(delay).await;
            client.write_all(&reply).await.ok()
        }
        _ => client.write_all(&reply).await.ok(),
    }
}

/// Reads at least the head and gives its length.
async fn read_head(client: &mut TcpStream, request: &mut Vec<u8>) -> Option<usize> {
    loop {
        if let Some(end) = request.windows(4).position(|window| window == b"\r\n\r\n") {
            return Some(end + 4);
        }
        if client.read_buf(request).await.ok()? == 0 {
            return None;
        }
    }
}

async fn ask_engine(engine: &str, request: &[u8]) -> Option<Vec<u8>> {
    let mut connection = TcpStream::connect(engine).await.ok()?;
    let line_end = request.windows(2).position(|window| window == b"\r\n")? + 2;
    connection.write_all(&request[..line_end]).await.ok()?;
    connection.write_all(b"Connection: close\r\n").await.ok()?;
    connection.write_all(&request[line_end..]).await.ok()?;
    let mut reply = Vec::new();
    connection.read_to_end(&mut reply).await.ok()?;
    Some(reply)
}

fn header(head: &str, name: &str) -> Option<String> {
    let value =
        |line: &str| Some(line.split_once(':').filter(|(key, _)| key.eq_ignore_ascii_case(name))?.1.trim().to_owned());
    head.lines().find_map(value)
}

/// A value of the URL's query, which must need no decoding.
fn parameter(head: &str, name: &str) -> Option<String> {
    let query = head.lines().next()?.split([' ', '?']).nth(2)?;
    query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=').map(str::to_owned))
}

struct InFlight<'a>(&'a State);

impl<'a> InFlight<'a> {
    fn enter(state: &'a State) -> Self {
        let mut in_flight = lock(&state.in_flight);
        in_flight.0 += 1;
        in_flight.1 = in_flight.1.max(in_flight.0);
        Self(state)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        lock(&self.0.in_flight).0 -= 1;
    }
}
