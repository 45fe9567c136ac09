//! Who is at the other end of a request: of its connection, or, through a proxy that is trusted, of the connection to that.

use std::net::IpAddr;

use axum::http::{HeaderMap, HeaderName};
use ipnet::IpNet;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Who sent a request. The address is never logged or stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    pub address: IpAddr,
    pub is_tls: bool,
}

/// The proxies whose word is taken for who sent a request.
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    pub fn new(networks: Vec<IpNet>) -> Self {
        Self(networks)
    }

    fn hold(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }

    /// Who sent a request with these headers over a connection. Each proxy adds, at the end of `X-Forwarded-For`, who sent it
    /// the request: what stands before the last address that is no trusted proxy, anybody may have written.
    pub fn sender(&self, connection: Peer, headers: &HeaderMap) -> Peer {
        let connection = Peer { address: connection.address.to_canonical(), ..connection };
        if !self.hold(connection.address) {
            return connection;
        }
        let texts = |name: HeaderName| headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
        let forwarded: Vec<_> = texts(X_FORWARDED_FOR).flat_map(|text| text.split(',')).collect();
        let mut address = connection.address;
        for text in forwarded.into_iter().rev() {
            let Ok(before) = text.trim().parse::<IpAddr>() else { break };
            address = before.to_canonical();
            if !self.hold(address) {
                break;
            }
        }
        let protocol = texts(X_FORWARDED_PROTO).flat_map(|text| text.split(',')).last();
        let is_tls = protocol.map_or(connection.is_tls, |protocol| protocol.trim().eq_ignore_ascii_case("https"));
        Peer { address, is_tls }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn sender(connection: &str, forwarded: &[&str], protocol: Option<&str>) -> Peer {
        let networks = ["10.0.0.0/8", "::1/128"].map(|network| network.parse().expect("a network"));
        let mut headers = HeaderMap::new();
        for text in forwarded {
            headers.append(X_FORWARDED_FOR, text.parse().expect("a value"));
        }
        if let Some(protocol) = protocol {
            headers.insert(X_FORWARDED_PROTO, protocol.parse().expect("a value"));
        }
        let connection = Peer { address: address(connection), is_tls: false };
        TrustedProxies::new(networks.to_vec()).sender(connection, &headers)
    }

    #[test]
    fn only_trusted_proxies_are_believed_who_sent_a_request() {
        for (connection, forwarded, expected) in [
            ("203.0.113.1", &["198.51.100.1"][..], "203.0.113.1"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.1"], "198.51.100.1"),
            ("::ffff:10.0.0.1", &["198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", &["::ffff:198.51.100.1"], "198.51.100.1"),
            ("::1", &["2001:db8::1, 10.0.0.2"], "2001:db8::1"),
            // What a client has written before a proxy came.
            ("10.0.0.1", &["192.0.2.1, 198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", &["192.0.2.1", "198.51.100.1, 10.0.0.2"], "198.51.100.1"),
            ("10.0.0.1", &["192.0.2.1, nonsense, 10.0.0.2"], "10.0.0.2"),
            ("10.0.0.1", &["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            ("10.0.0.1", &[""], "10.0.0.1"),
        ] {
            assert_eq!(sender(connection, forwarded, None).address, address(expected), "{connection} {forwarded:?}");
        }
    }

    #[test]
    fn only_trusted_proxies_are_believed_that_a_request_came_over_tls() {
        for (connection, protocol, expected) in [
            ("203.0.113.1", Some("https"), false),
            ("10.0.0.1", Some("https"), true),
            ("10.0.0.1", Some("http, HTTPS"), true),
            ("10.0.0.1", Some("https, http"), false),
            ("10.0.0.1", None, false),
        ] {
            assert_eq!(sender(connection, &[], protocol).is_tls, expected, "{connection} {protocol:?}");
        }
    }
}
