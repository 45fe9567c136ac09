//! Accepts connections within bounds. `axum::serve` installs no timer, which leaves a client that never ends its
//! headers connected for good, and it has no bound on connections; hence an accept loop of our own. With a certificate, the
//! handshake is a part of the head: it takes a place among the connections, and no longer than a head may.

use std::{convert::Infallible, io, pin::Pin, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    http::{Request, header::CONTENT_TYPE},
    response::Response,
};
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::{body::Incoming, server::conn::http1, service::Service};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};
use tokio_rustls::server::TlsStream;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    connections::{Activity, Connections},
    peer::{Peer, TrustedProxies},
    security_headers::secure,
    simple_requests::Handover,
    stream::EVENT_STREAM,
    tls::Tls,
};

/// How connections come in.
#[derive(Clone, Default)]
pub struct Entrance {
    /// `None`: without TLS.
    pub tls: Option<Arc<Tls>>,
    pub trusted_proxies: Arc<TrustedProxies>,
}

/// What a listener with TLS says to a client without.
const NOT_TLS: &[u8] =
    b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\nx-content-type-options: nosniff\r\nconnection: close\r\n\
content-length: 35\r\n\r\nthis port speaks TLS: use https://\n";
/// Bytes that are taken of the request of such a client.
const NOT_TLS_BYTES_MAX: usize = 4 * 1024;
/// The first byte of a TLS handshake: <https://www.rfc-editor.org/rfc/rfc8446#section-5.1>.
const TLS_HANDSHAKE: u8 = 22;

/// Bounds of one listener.
#[derive(Debug, Clone)]
pub struct ServerLimits {
    /// Beyond it, a new connection takes the place of the one that has been idle for the longest time.
    pub connections_max: usize,
    /// Time for a request's head, which is also how long an idle connection is kept.
    pub head_max: Duration,
    /// Time for a request's body.
    pub body_max: Duration,
    /// Time in which a client must have read some of its reply.
    pub reply_max: Duration,
    /// Bytes of bodies held at once, over all connections.
    pub bodies_bytes_max: usize,
    /// Time for requests under way when the listener is told to stop.
    pub drain_max: Duration,
}

impl ServerLimits {
    /// `request_max`: time for each part of a request to arrive.
    pub fn new(connections_max: usize, request_max: Duration, bodies_bytes_max: usize) -> Self {
        Self {
            connections_max,
            head_max: request_max,
            body_max: request_max,
            reply_max: request_max,
            bodies_bytes_max,
            drain_max: Duration::from_secs(10),
        }
    }
}

/// Descriptors for everything but connections: the journal, requests to ClickHouse, the engine's pipe.
const DESCRIPTORS_RESERVED: u64 = 128;

/// Raises the limit on open files as far as it goes, and says how many connections each of two listeners may have of it:
/// without room for a file, the journal could not go on.
pub fn connections_within_descriptors(connections_max: usize) -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    let Some(open_max) = (if raised.is_ok() { limit.maximum } else { limit.current }) else { return connections_max };
    let room = usize::try_from(open_max.saturating_sub(DESCRIPTORS_RESERVED) / 2).unwrap_or(usize::MAX).max(1);
    if room < connections_max {
        tracing::info!(
            connections_max = room,
            open_max,
            "the limit on open files allows fewer connections than configured"
        );
    }
    connections_max.min(room)
}

/// Pause after a failed accept, most often for want of file descriptors: connections that end free some.
const ACCEPT_RETRY: Duration = Duration::from_millis(50);
/// Pause between looks for a connection that can make room.
const EVICT_RETRY: Duration = Duration::from_millis(50);

/// What answers the requests of a listener.
pub trait ListenerService:
    Service<Request<Incoming>, Response = Response<Body>, Error = Infallible, Future: Send> + Clone + Send + 'static
{
    /// Answers requests by itself until there is one for hyper, and gives back what was read of that. `idle_max`: time
    /// without a request.
    fn serve_simple(
        &self,
        _stream: &mut (impl AsyncRead + AsyncWrite + Unpin + Send),
        _idle_max: Duration,
        _shutdown: &CancellationToken,
        _activity: &Arc<Activity>,
    ) -> impl Future<Output = io::Result<Handover>> + Send {
        std::future::ready(Ok(Handover::Request(Bytes::new())))
    }
}

impl ListenerService for TowerToHyperService<Router> {}

/// Serves until `shutdown`, then lets the requests under way finish.
pub async fn serve(
    listener: TcpListener,
    service: impl ListenerService,
    limits: ServerLimits,
    entrance: Entrance,
    open: Arc<Connections>,
    shutdown: CancellationToken,
) {
    let connections = TaskTracker::new();
    let slots = Arc::new(Semaphore::new(limits.connections_max));
    let accepting = async {
        let mut failing = false;
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    failing = false;
                    let Ok(slot) = slot(&slots, &open).await else { break };
                    let activity = open.add();
                    let task = connections.spawn(connection(
                        stream,
                        service.clone(),
                        (limits.clone(), entrance.clone()),
                        // Its own, as each look at it takes a lock.
                        shutdown.child_token(),
                        Arc::clone(&activity),
                        slot,
                    ));
                    activity.served_by(task.abort_handle());
                }
                Err(error) => {
                    if !failing {
                        tracing::warn!(%error, "a connection could not be accepted; trying again");
                    }
                    failing = true;
                    tokio::time::sleep(ACCEPT_RETRY).await;
                }
            }
        }
    };
    tokio::select! {
        () = accepting => {}
        () = shutdown.cancelled() => {}
    }
    drop(listener);
    connections.close();
    if timeout(limits.drain_max, connections.wait()).await.is_err() {
        tracing::warn!(connections = connections.len(), "connections were cut off that had not finished in time");
    }
}

/// Room for one more connection, made if need be.
async fn slot(slots: &Arc<Semaphore>, open: &Connections) -> Result<OwnedSemaphorePermit, tokio::sync::AcquireError> {
    loop {
        if let Ok(slot) = Arc::clone(slots).try_acquire_owned() {
            return Ok(slot);
        }
        open.evict_idle();
        if let Ok(slot) = timeout(EVICT_RETRY, Arc::clone(slots).acquire_owned()).await {
            return slot;
        }
    }
}

async fn connection(
    stream: TcpStream,
    service: impl ListenerService,
    (limits, entrance): (ServerLimits, Entrance),
    shutdown: CancellationToken,
    activity: Arc<Activity>,
    _slot: OwnedSemaphorePermit,
) {
    // A panic in a handler, or an eviction, ends its connection only; the guard counts it as closed all the same.
    let open = OpenConnection(activity);
    if let Err(error) = open_connection(stream, service, (&limits, &entrance), shutdown, &open.0).await {
        // Clients that go away are no failure of ours.
        tracing::debug!(%error, "a connection ended early");
    }
}

struct OpenConnection(Arc<Activity>);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.close();
    }
}

async fn open_connection(
    stream: TcpStream,
    service: impl ListenerService,
    (limits, entrance): (&ServerLimits, &Entrance),
    shutdown: CancellationToken,
    activity: &Arc<Activity>,
) -> Result<(), io::Error> {
    // Replies are small and written at once: waiting to fill a packet only delays them.
    stream.set_nodelay(true)?;
    // hyper bounds the time of reading, but not of writing: the kernel ends what a client does not read.
    #[cfg(target_os = "linux")]
    rustix::net::sockopt::set_tcp_user_timeout(
        &stream,
        u32::try_from(limits.reply_max.as_millis()).unwrap_or(u32::MAX),
    )?;
    let connection = Peer { address: stream.peer_addr()?.ip(), is_tls: entrance.tls.is_some() };
    let service = Tracked {
        service,
        activity: Arc::clone(activity),
        connection,
        trusted_proxies: Arc::clone(&entrance.trusted_proxies),
    };
    let Some(tls) = &entrance.tls else {
        return answer_requests(stream, service, limits, shutdown).await;
    };
    // Boxed, as a connection without TLS would otherwise take the memory of one with it.
    Box::pin(async move {
        // Nothing is under way yet that an end would have to wait for.
        let handshake = shutdown.run_until_cancelled(timeout(limits.head_max, handshake(stream, tls)));
        match handshake.await.transpose()?.transpose()?.flatten() {
            Some(stream) => answer_requests(stream, service, limits, shutdown).await,
            None => Ok(()),
        }
    })
    .await
}

/// `None`: the client does not speak TLS, and was told so.
async fn handshake(mut stream: TcpStream, tls: &Tls) -> io::Result<Option<TlsStream<TcpStream>>> {
    if begins_with_tls(&stream).await? {
        return tls.acceptor().accept(stream).await.map(Some);
    }
    // What is left unread would reset the connection, and that may overtake the reply.
    let _ = stream.read(&mut vec![0; NOT_TLS_BYTES_MAX]).await?;
    stream.write_all(NOT_TLS).await?;
    stream.shutdown().await?;
    Ok(None)
}

/// Whether what comes is not HTTP as it is; nothing of it is taken.
async fn begins_with_tls(stream: &TcpStream) -> io::Result<bool> {
    let mut first = [0];
    let count = stream.peek(&mut first).await?;
    Ok(count == 0 || first == [TLS_HANDSHAKE])
}

async fn answer_requests<S: ListenerService>(
    mut stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    service: Tracked<S>,
    limits: &ServerLimits,
    shutdown: CancellationToken,
) -> Result<(), io::Error> {
    let simple = service.service.serve_simple(&mut stream, limits.head_max, &shutdown, &service.activity);
    let Handover::Request(read) = simple.await? else {
        return stream.shutdown().await;
    };
    let (reader, writer) = tokio::io::split(stream);
    let stream = tokio::io::join(io::Cursor::new(read).chain(reader), writer);
    let mut connection = std::pin::pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.head_max)
            .serve_connection(TokioIo::new(stream), service)
    );
    tokio::select! {
        ended = connection.as_mut() => return ended.map_err(io::Error::other),
        () = shutdown.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    connection.await.map_err(io::Error::other)
}

/// A service, with a note of when a request is under way and of who sends it, and with what every reply says.
struct Tracked<S> {
    service: S,
    activity: Arc<Activity>,
    connection: Peer,
    trusted_proxies: Arc<TrustedProxies>,
}

impl<S: ListenerService> Service<Request<Incoming>> for Tracked<S> {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        let peer = self.trusted_proxies.sender(self.connection, request.headers());
        request.extensions_mut().insert(peer);
        let (under_way, reply) = (self.activity.request(), self.service.call(request));
        Box::pin(async move {
            let mut reply = reply.await?;
            secure(reply.headers_mut(), peer);
            if reply.headers().get(CONTENT_TYPE).is_none_or(|media_type| media_type != EVENT_STREAM) {
                return Ok(reply);
            }
            // Between two messages a stream is not idle: it is under way until its body ends.
            Ok(reply.map(|body| {
                Body::new(body.map_frame(move |frame| {
                    let _under_way = &under_way;
                    frame
                }))
            }))
        })
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::AsyncWriteExt;

    use super::{super::tls::tests::Files, *};

    async fn ask(address: std::net::SocketAddr, path: &str) -> String {
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        let request = format!("GET {path} HTTP/1.1\r\nHost: weir\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut said = String::new();
        // A reset is an answer too.
        let _ = stream.read_to_string(&mut said).await;
        said
    }

    #[tokio::test]
    async fn a_panic_in_a_handler_ends_its_own_connection_only() {
        #[expect(clippy::panic, reason = "what the test is about")]
        async fn fail() -> &'static str {
            panic!("a handler failed")
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let router = Router::new().route("/fail", get(fail)).route("/fine", get(|| async { "fine" }));
        let router = TowerToHyperService::new(router);
        let limits = ServerLimits::new(1, Duration::from_secs(10), 1);
        let (open, shutdown) = (Connections::new(), CancellationToken::new());
        let serving =
            tokio::spawn(serve(listener, router, limits, Entrance::default(), Arc::clone(&open), shutdown.clone()));
        for _ in 0..3 {
            assert_eq!(ask(address, "/fail").await, "");
            assert!(ask(address, "/fine").await.ends_with("fine"));
        }
        shutdown.cancel();
        serving.await.expect("an orderly end");
        assert_eq!((open.open_count(), open.requests_in_flight()), (0, 0));
    }

    #[tokio::test]
    async fn an_orderly_end_does_not_wait_for_handshakes() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let router = TowerToHyperService::new(Router::new());
        let forever = Duration::from_secs(3_600);
        let limits = ServerLimits { drain_max: forever, ..ServerLimits::new(2, forever, 1) };
        let tls = Some(Arc::new(Files::new().load().expect("a certificate")));
        let (open, shutdown) = (Connections::new(), CancellationToken::new());
        let entrance = Entrance { tls, ..Entrance::default() };
        let serving = tokio::spawn(serve(listener, router, limits, entrance, Arc::clone(&open), shutdown.clone()));
        let mut silent = TcpStream::connect(address).await.expect("a connection");
        let mut begun = TcpStream::connect(address).await.expect("a connection");
        begun.write_all(&[TLS_HANDSHAKE, 3, 1]).await.expect("sent");
        while open.open_count() < 2 {
            tokio::task::yield_now().await;
        }
        shutdown.cancel();
        timeout(Duration::from_secs(20), serving).await.expect("it ends").expect("an orderly end");
        for stream in [&mut silent, &mut begun] {
            // A reset is an end too.
            let _ = stream.read_to_end(&mut Vec::new()).await;
        }
        assert_eq!(open.open_count(), 0);
    }
}
