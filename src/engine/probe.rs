//! One question to the engine: is it there, and is it ours? Asked without a login, and without taking a query slot, so
//! that an engine whose every slot is busy still answers.

use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long one answer may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// How much of an answer is read; the real one is a fifth of it.
const ANSWER_BYTES_MAX: u64 = 4096;

/// What came of one ping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ping {
    /// The engine answered with the secret of its configuration.
    Answered,
    /// Nobody listens, or somebody else does.
    Refused,
    /// No answer within the time limit: the engine may only be busy.
    Silent,
}

/// Asks `GET /ping` on the loopback `port` and expects `secret` in the answer.
pub(super) async fn ping(port: u16, secret: &str) -> Ping {
    match tokio::time::timeout(ANSWER_TIMEOUT, ask(port)).await {
        Ok(Ok(answer)) if answer.contains(secret) => Ping::Answered,
        Ok(_) => Ping::Refused,
        Err(_) => Ping::Silent,
    }
}

async fn ask(port: u16) -> io::Result<String> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    stream.write_all(b"GET /ping HTTP/1.0\r\n\r\n").await?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn a_stranger_on_the_port_is_not_the_engine() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let port = listener.local_addr().expect("a bound address").port();
        let stranger = async {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            stream.write_all(b"HTTP/1.0 200 OK\r\n\r\nOk.\n").await.expect("an answer");
        };
        let (ping, ()) = tokio::join!(ping(port, "secret"), stranger);
        assert_eq!(ping, Ping::Refused);
    }
}
