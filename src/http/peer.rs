//! Who is at the other end of a request: of its connection, or, through a proxy that is trusted, of the connection to that.

use std::net::{IpAddr, SocketAddr};

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
        Self(networks.into_iter().map(canonical).collect())
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
        let mut address = connection.address;
        for text in elements(headers, X_FORWARDED_FOR).into_iter().rev() {
            let Some(before) = forwarded_address(text) else { break };
            address = before.to_canonical();
            if !self.hold(address) {
                break;
            }
        }
        let protocol = elements(headers, X_FORWARDED_PROTO).pop();
        let is_tls = protocol.map_or(connection.is_tls, |protocol| protocol.eq_ignore_ascii_case("https"));
        Peer { address, is_tls }
    }
}

/// Bits of an IPv6 address before the IPv4 address that it may hold.
const MAPPED_PREFIX_BITS: u8 = 96;

/// A network of IPv4 that was written as one of IPv6, as it is held against addresses.
fn canonical(network: IpNet) -> IpNet {
    let bits = network.prefix_len().checked_sub(MAPPED_PREFIX_BITS);
    match (network.addr().to_canonical(), bits) {
        (address @ IpAddr::V4(_), Some(bits)) if network.addr().is_ipv6() => {
            IpNet::new(address, bits).unwrap_or(network)
        }
        _ => network,
    }
}

/// What stands between the commas of a header. What is no text keeps its place, so that nothing before it moves up.
fn elements(headers: &HeaderMap, name: HeaderName) -> Vec<&str> {
    let parts = headers.get_all(name).into_iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    parts.map(|part| std::str::from_utf8(part).unwrap_or_default().trim()).collect()
}

/// Some proxies say the port, too.
fn forwarded_address(text: &str) -> Option<IpAddr> {
    text.parse().or_else(|_| text.parse().map(|address: SocketAddr| address.ip())).ok()
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn sender(connection: &str, forwarded: &[&str], protocol: Option<&str>) -> Peer {
        let networks = ["10.0.0.0/8", "::1/128"].map(|network| network.parse().expect("a network"));
        let mut headers = HeaderMap::new();
        for text in forwarded {
            headers.append(X_FORWARDED_FOR, HeaderValue::from_bytes(text.as_bytes()).expect("a value"));
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
            // What is no text is a client's nonsense, as is any other.
            ("10.0.0.1", &["\u{e9}, 198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", &["192.0.2.1", "\u{e9}"], "10.0.0.1"),
            // Some proxies say the port, too.
            ("10.0.0.1", &["192.0.2.1, 198.51.100.1:4711"], "198.51.100.1"),
            ("10.0.0.1", &["[2001:db8::1]:4711, 10.0.0.2:80"], "2001:db8::1"),
        ] {
            assert_eq!(sender(connection, forwarded, None).address, address(expected), "{connection} {forwarded:?}");
        }
    }

    #[test]
    fn a_network_holds_its_addresses_however_both_are_written() {
        for (network, address_text, expected) in [
            ("10.0.0.0/8", "10.1.2.3", true),
            ("10.0.0.0/8", "11.1.2.3", false),
            ("::ffff:10.0.0.0/104", "10.1.2.3", true),
            ("::ffff:10.0.0.0/104", "::ffff:10.1.2.3", true),
            ("::ffff:10.0.0.0/104", "11.1.2.3", false),
            ("::ffff:10.0.0.1/128", "10.0.0.1", true),
            ("fd00::/8", "fd00::1", true),
            // Of all IPv6, IPv4 is no part.
            ("::/0", "10.0.0.1", false),
        ] {
            let proxies = TrustedProxies::new(vec![network.parse().expect("a network")]);
            let connection = Peer { address: address(address_text), is_tls: false };
            let headers = [(X_FORWARDED_FOR, "198.51.100.1".parse().expect("a value"))].into_iter().collect();
            let is_believed = proxies.sender(connection, &headers).address == address("198.51.100.1");
            assert_eq!(is_believed, expected, "{network} {address_text}");
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
