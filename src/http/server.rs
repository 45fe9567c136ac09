//! Accepts connections within bounds. `axum::serve` installs no timer, which leaves a client that never ends its
//! headers connected for good, and it has no bound on connections; hence an accept loop of our own.

use std::{io, sync::Arc, time::Duration};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Bounds of one listener.
#[derive(Debug, Clone)]
pub struct ServerLimits {
    /// Further connections wait in the kernel's queue.
    pub connections_max: usize,
    /// Time for a request's head, which is also how long an idle connection is kept.
    pub head_max: Duration,
    /// Time for requests under way when the listener is told to stop.
    pub drain_max: Duration,
}

impl ServerLimits {
    pub fn new(connections_max: usize) -> Self {
        Self { connections_max, head_max: Duration::from_secs(10), drain_max: Duration::from_secs(10) }
    }
}

/// Pause after a failed accept, most often for want of file descriptors: connections that end free some.
const ACCEPT_RETRY: Duration = Duration::from_millis(50);

/// Serves until `shutdown`, then lets the requests under way finish.
pub async fn serve(listener: TcpListener, router: Router, limits: ServerLimits, shutdown: CancellationToken) {
    let connections = TaskTracker::new();
    let slots = Arc::new(Semaphore::new(limits.connections_max));
    let accepting = async {
        loop {
            let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { break };
            match listener.accept().await {
                Ok((stream, _)) => {
                    let connection = connection(stream, router.clone(), limits.head_max, shutdown.clone(), slot);
                    connections.spawn(connection);
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
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

async fn connection(
    stream: TcpStream,
    router: Router,
    head_max: Duration,
    shutdown: CancellationToken,
    _slot: OwnedSemaphorePermit,
) {
    if let Err(error) = answer_requests(stream, router, head_max, shutdown).await {
        // Clients that go away are no failure of ours.
        tracing::debug!(%error, "a connection ended early");
    }
}

async fn answer_requests(
    stream: TcpStream,
    router: Router,
    head_max: Duration,
    shutdown: CancellationToken,
) -> Result<(), io::Error> {
    // Replies are small and written at once: waiting to fill a packet only delays them.
    stream.set_nodelay(true)?;
    let mut connection = std::pin::pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(head_max)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
    );
    tokio::select! {
        ended = connection.as_mut() => return ended.map_err(io::Error::other),
        () = shutdown.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    connection.await.map_err(io::Error::other)
}
