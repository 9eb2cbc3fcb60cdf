//! Whether a port of this host can be bound. Asked only where the engine is on this host; in a container with a network
//! of its own, every port looks free, and the start will tell.

use std::io::ErrorKind;
use std::net::TcpListener;
use std::net::UdpSocket;

use crate::core::observed::PublishedPort;

/// Returns the ports that cannot be bound because somebody holds them. Blocks, but not for long.
pub(super) fn held(ports: Vec<PublishedPort>) -> Vec<PublishedPort> {
    ports.into_iter().filter(is_held).collect()
}

fn is_held(port: &PublishedPort) -> bool {
    let ip = if port.ip.is_empty() { "0.0.0.0" } else { port.ip.as_str() };
    let bound = match port.protocol.as_str() {
        "tcp" => TcpListener::bind((ip, port.port)).map(drop),
        "udp" => UdpSocket::bind((ip, port.port)).map(drop),
        _ => Ok(()),
    };
    bound.is_err_and(|error| error.kind() == ErrorKind::AddrInUse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_held_while_somebody_listens_on_it() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let asked = PublishedPort { ip: "127.0.0.1".into(), port, protocol: "tcp".into() };
        assert_eq!(held(vec![asked.clone()]), std::slice::from_ref(&asked));
        drop(listener);
        assert_eq!(held(vec![asked]), []);
    }
}
