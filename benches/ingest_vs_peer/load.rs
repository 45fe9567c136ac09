//! A load generator on one thread: prepared requests over kept connections, every reply read and counted.

use std::{
    io::{self, Read, Write},
    time::{Duration, Instant},
};

use memchr::memmem;
use mio::{Events, Interest, Poll, Token};
use rand::{RngExt, SeedableRng, rngs::SmallRng};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::mpsc,
    task::LocalSet,
};
use weir::clock::{Clock, rfc3339};

use crate::figures::percentile;

/// Distinct bodies; more would only measure the generator's caches.
const BODIES: usize = 64;

/// Requests that are due on one connection and not sent; at the bound, the subject is far too slow anyway.
const TURNS_WAITING_MAX: usize = 10_000;

/// Each connection sends its next request when it has the reply to the last.
#[derive(Clone, Copy)]
pub struct Closed {
    pub events_per_request: usize,
    pub connections: usize,
    pub duration: Duration,
}

/// Requests leave at fixed times, and a late reply counts from the time its request was due.
#[derive(Clone, Copy)]
pub struct Paced {
    pub events_per_request: usize,
    pub requests_per_second: u32,
    pub connections: usize,
    pub duration: Duration,
}

/// What came back.
#[derive(Default)]
pub struct Outcome {
    pub accepted: u64,
    pub failures: u64,
    pub elapsed: Duration,
    pub latencies_ms: Vec<f64>,
    /// When each reply came, and how many events it accepted, in order.
    pub replies: Vec<(Instant, u64)>,
}

impl Outcome {
    pub fn accepted_per_second(&self) -> f64 {
        self.accepted as f64 / self.elapsed.as_secs_f64()
    }

    pub fn requests_per_second(&self) -> f64 {
        self.latencies_ms.len() as f64 / self.elapsed.as_secs_f64()
    }

    pub fn percentile_ms(&self, share: f64) -> f64 {
        percentile(&mut self.latencies_ms.clone(), share)
    }

    fn merge(&mut self, other: Self) {
        self.accepted += other.accepted;
        self.failures += other.failures;
        self.latencies_ms.extend(other.latencies_ms);
        self.replies.extend(other.replies);
    }

    fn note(&mut self, due: Instant, reply: io::Result<Option<u64>>) {
        let now = Instant::now();
        match reply {
            Ok(Some(events)) => {
                self.accepted += events;
                self.latencies_ms.push((now - due).as_secs_f64() * 1000.0);
                self.replies.push((now, events));
            }
            Ok(None) | Err(_) => self.failures += 1,
        }
    }
}

impl Closed {
    /// On a thread of its own, and on the kernel's events as they are: a runtime would take as long as the peer's kernel.
    pub async fn run(self, port: u16) -> Outcome {
        tokio::task::spawn_blocking(move || self.exchange_all(port).expect("the subject listens"))
            .await
            .expect("no panic")
    }

    fn exchange_all(self, port: u16) -> io::Result<Outcome> {
        let requests = prepared(self.events_per_request);
        let (mut poll, mut events) = (Poll::new()?, Events::with_capacity(1024));
        let mut connections = Vec::new();
        for number in 0..self.connections {
            let mut stream = mio::net::TcpStream::from_std(connected(port)?);
            poll.registry().register(&mut stream, Token(number), Interest::READABLE | Interest::WRITABLE)?;
            connections.push(Exchange { stream, turn: number * 7, sent: 0, due: Instant::now(), reply: Vec::new() });
        }
        let (mut outcome, mut open, started) = (Outcome::default(), self.connections, Instant::now());
        for exchange in &mut connections {
            exchange.begin(&requests[exchange.turn % BODIES])?;
        }
        while open > 0 {
            poll.poll(&mut events, None)?;
            for event in &events {
                let exchange = &mut connections[event.token().0];
                let Some(reply) = exchange.go_on(&requests[exchange.turn % BODIES]).transpose() else { continue };
                let is_over = reply.is_err() || started.elapsed() >= self.duration;
                outcome.note(exchange.due, reply);
                exchange.turn += 1;
                if is_over {
                    poll.registry().deregister(&mut exchange.stream)?;
                    open -= 1;
                    continue;
                }
                exchange.begin(&requests[exchange.turn % BODIES])?;
            }
        }
        outcome.elapsed = started.elapsed();
        Ok(outcome)
    }
}

/// A connection of a closed load: one request under way.
struct Exchange {
    stream: mio::net::TcpStream,
    turn: usize,
    sent: usize,
    due: Instant,
    reply: Vec<u8>,
}

impl Exchange {
    fn begin(&mut self, request: &[u8]) -> io::Result<()> {
        (self.sent, self.due) = (0, Instant::now());
        self.reply.clear();
        self.send(request)
    }

    fn send(&mut self, request: &[u8]) -> io::Result<()> {
        while self.sent < request.len() {
            match self.stream.write(&request[self.sent..]) {
                Ok(sent) => self.sent += sent,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Sends and reads what can be; what the reply says, once it is whole.
    fn go_on(&mut self, request: &[u8]) -> io::Result<Option<Option<u64>>> {
        self.send(request)?;
        let mut read = [0; 4096];
        match self.stream.read(&mut read) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => {
                self.reply.extend_from_slice(&read[..count]);
                Ok(accepted(&self.reply))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// A connected stream that does not block and does not wait to fill packets.
fn connected(port: u16) -> io::Result<std::net::TcpStream> {
    let stream = std::net::TcpStream::connect(("127.0.0.1", port))?;
    stream.set_nodelay(true)?;
    stream.set_nonblocking(true)?;
    Ok(stream)
}

impl Paced {
    pub async fn run(self, port: u16) -> Outcome {
        on_one_thread(move || async move {
            let requests = prepared(self.events_per_request);
            let started = Instant::now();
            let (turns, receivers): (Vec<_>, Vec<_>) =
                (0..self.connections).map(|_| mpsc::channel(TURNS_WAITING_MAX)).unzip();
            let clock = std::thread::spawn(move || self.call_turns(started, &turns));
            let connections = receivers.into_iter().map(|mut turns| {
                let requests = requests.clone();
                async move {
                    let mut outcome = Outcome::default();
                    let mut connection = Connection::open(port);
                    while let Some((turn, due)) = turns.recv().await {
                        outcome.note(due, connection.exchange(&requests[turn % BODIES]).await);
                    }
                    outcome
                }
            });
            let outcome = gathered(connections, started).await;
            clock.join().expect("no panic");
            outcome
        })
        .await
    }

    /// Tells the connections, one after the other, when their next request is due. By a thread: tokio's timers are up to
    /// two milliseconds late.
    fn call_turns(self, started: Instant, turns: &[mpsc::Sender<(usize, Instant)>]) {
        let interval = Duration::from_secs(1) / self.requests_per_second;
        for (turn, connection) in turns.iter().cycle().enumerate() {
            let due = started + interval * u32::try_from(turn).expect("a bounded run");
            if due - started >= self.duration {
                return;
            }
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            connection.blocking_send((turn, due)).expect("the connections wait");
        }
    }
}

async fn gathered(
    connections: impl Iterator<Item = impl Future<Output = Outcome> + 'static>,
    started: Instant,
) -> Outcome {
    let tasks: Vec<_> = connections.map(tokio::task::spawn_local).collect();
    let mut whole = Outcome::default();
    for task in tasks {
        whole.merge(task.await.expect("no panic"));
    }
    whole.elapsed = started.elapsed();
    whole.replies.sort_by_key(|(at, _)| *at);
    whole
}

/// A thread of its own, so that the generator is the same single core for everyone.
async fn on_one_thread<F: Future<Output = Outcome>>(load: impl FnOnce() -> F + Send + 'static) -> Outcome {
    let run = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        LocalSet::new().block_on(&runtime, load())
    };
    tokio::task::spawn_blocking(run).await.expect("no panic")
}

struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    fn open(port: u16) -> Self {
        let stream = connected(port).and_then(TcpStream::from_std).expect("the subject listens");
        Self { stream, buffer: Vec::with_capacity(4096) }
    }

    /// Events accepted by the reply; `None` if it is no 202.
    async fn exchange(&mut self, request: &[u8]) -> io::Result<Option<u64>> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        loop {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if let Some(accepted) = accepted(&self.buffer) {
                return Ok(accepted);
            }
        }
    }
}

/// What a reply says, once it is whole: the events it accepts, or that it is no 202.
fn accepted(reply: &[u8]) -> Option<Option<u64>> {
    let accepted = number_after(complete_body(reply)?, b"\"accepted\":");
    Some(accepted.filter(|_| reply.starts_with(b"HTTP/1.1 202")))
}

fn complete_body(reply: &[u8]) -> Option<&[u8]> {
    let head_end = memmem::find(reply, b"\r\n\r\n")? + 4;
    // Both programs send it in lower case.
    let length = usize::try_from(number_after(&reply[..head_end], b"content-length: ")?).ok()?;
    reply.get(head_end..head_end + length)
}

fn number_after(text: &[u8], name: &[u8]) -> Option<u64> {
    let at = memmem::find(text, name)? + name.len();
    let digits = text[at..].iter().take_while(|byte| byte.is_ascii_digit());
    Some(digits.fold(0, |number, digit| number * 10 + u64::from(digit - b'0')))
}

/// Whole HTTP requests with random events of about 250 bytes.
fn prepared(events_per_request: usize) -> std::rc::Rc<Vec<Vec<u8>>> {
    let mut random = SmallRng::seed_from_u64(1);
    let request = |random: &mut SmallRng| {
        let events: Vec<_> = (0..events_per_request).map(|_| event(random)).collect();
        let body = format!("[{}]", events.join(","));
        format!(
            "POST /events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .into_bytes()
    };
    std::rc::Rc::new((0..BODIES).map(|_| request(&mut random)).collect())
}

fn event(random: &mut SmallRng) -> String {
    const NAMES: [&str; 12] = [
        "page_view",
        "page_view",
        "page_view",
        "page_view",
        "page_view",
        "button_click",
        "button_click",
        "feature_used",
        "feature_used",
        "signup_started",
        "signup_completed",
        "error_occurred",
    ];
    let seconds_ago = random.random_range(0..60);
    let at = rfc3339(Clock::System.now_ms() - seconds_ago * 1000);
    let user = match random.random_range(0..3) {
        0 => "null".to_owned(),
        _ => format!("\"user-{}\"", random.random_range(0..100_000)),
    };
    format!(
        r#"{{"event_name":"{}","timestamp":"{at}","session_id":"s-{:08x}-{:04x}","user_id":{user},"device_type":"{}","country_code":"{}","properties":{{"feature":"feature-{}","path":"/app/page/{}","plan":"pro","duration_ms":{}}}}}"#,
        NAMES[random.random_range(0..NAMES.len())],
        random.random_range(0..200_000),
        random.random_range(0..65_536),
        ["desktop", "mobile", "tablet"][random.random_range(0..3)],
        ["US", "DE", "FR", "GB", "IN", "BR", "JP"][random.random_range(0..7)],
        random.random_range(0..40),
        random.random_range(0..1000),
        random.random_range(0..5000),
    )
}
