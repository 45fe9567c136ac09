//! Who is at the other end of a connection.

use std::net::IpAddr;

/// Who sent a request. The address is never logged or stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    pub address: IpAddr,
    pub is_tls: bool,
}
