//! The short form of ports: `[[address:]host:]container[/protocol]`, each a number or a range.

use std::net::IpAddr;
use std::ops::RangeInclusive;

/// One published port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ShortPort {
    /// The host's address; empty for all.
    pub(super) host_ip: String,
    /// The host's port or range; empty for any.
    pub(super) published: String,
    /// The container's port.
    pub(super) target: u16,
    /// `tcp`, `udp` or `sctp`.
    pub(super) protocol: String,
}

/// Parses the short form; a range gives several ports, ordered by their text.
///
/// # Errors
/// Fails if an address, port, range or protocol is none, or ranges are of different lengths.
pub(super) fn parse(spec: &str) -> Result<Vec<ShortPort>, String> {
    let mut sections = spec.rsplitn(3, ':');
    let container = sections.next().unwrap_or_default();
    let host = sections.next().unwrap_or_default();
    let address = address(sections.next().unwrap_or_default())?;
    let (container, protocol) = match container.split_once('/') {
        Some((port, rest)) => (port, rest.split('/').next().filter(|p| !p.is_empty()).unwrap_or("tcp")),
        None => (container, "tcp"),
    };
    if container.is_empty() {
        return Err(format!("no port specified: {spec}<empty>"));
    }
    let targets = range(container).ok_or_else(|| format!("invalid containerPort: {container}"))?;
    let hosts = match host {
        "" => None,
        host => Some(range(host).ok_or_else(|| format!("invalid hostPort: {host}"))?),
    };
    let protocol = protocol.to_lowercase();
    if !matches!(protocol.as_str(), "tcp" | "udp" | "sctp") {
        return Err(format!("invalid proto: {protocol}"));
    }
    let single = targets.start() == targets.end();
    if let Some(hosts) = &hosts
        && hosts.len() != targets.len()
        && !single
    {
        return Err(format!("invalid ranges specified for container and host Ports: {container} and {host}"));
    }
    let mut ports: Vec<ShortPort> = targets
        .enumerate()
        .map(|(index, target)| {
            let published = match &hosts {
                None => String::new(),
                Some(hosts) if single && hosts.len() > 1 => format!("{}-{}", hosts.start(), hosts.end()),
                Some(hosts) => hosts.clone().nth(index).map(|port| port.to_string()).unwrap_or_default(),
            };
            ShortPort { host_ip: address.clone(), published, target, protocol: protocol.clone() }
        })
        .collect();
    ports.sort_by_key(|port| format!("{}/", port.target));
    Ok(ports)
}

fn address(text: &str) -> Result<String, String> {
    let bare = match text.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']').ok_or_else(|| format!("invalid IP address {text}"))?,
        None if text.contains(':') => {
            return Err(format!("invalid IP address {text}: write IPv6 as [{text}]"));
        }
        None => text,
    };
    if bare.is_empty() || is_address(bare) {
        Ok(bare.to_owned())
    } else {
        Err(format!("invalid IP address: {bare}"))
    }
}

/// Whether the text is an IPv4 or IPv6 address.
pub(super) fn is_address(text: &str) -> bool {
    text.parse::<IpAddr>().is_ok()
}

fn range(text: &str) -> Option<RangeInclusive<u16>> {
    let number = |text: &str| text.parse::<u16>().ok().filter(|_| !text.starts_with('+'));
    let (start, end) = match text.split_once('-') {
        Some((start, rest)) => (number(start)?, number(rest.split('-').next()?)?),
        None => (number(text)?, number(text)?),
    };
    (start <= end).then_some(start..=end)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(spec: &str) -> Vec<(String, String, u16, String)> {
        let ports = parse(spec).expect(spec);
        ports.into_iter().map(|p| (p.host_ip, p.published, p.target, p.protocol)).collect()
    }

    #[test]
    fn short_ports_are_taken_apart() {
        let one = |ip: &str, published: &str, target, protocol: &str| {
            vec![(ip.to_owned(), published.to_owned(), target, protocol.to_owned())]
        };
        assert_eq!(read("80"), one("", "", 80, "tcp"));
        assert_eq!(read("8080:80/UDP"), one("", "8080", 80, "udp"));
        assert_eq!(read("127.0.0.1::80"), one("127.0.0.1", "", 80, "tcp"));
        assert_eq!(read("[::1]:1:2"), one("::1", "1", 2, "tcp"));
        assert_eq!(read("3000-3005:80"), one("", "3000-3005", 80, "tcp"));
    }

    #[test]
    fn ranges_give_a_port_each_ordered_by_text() {
        let targets: Vec<(String, u16)> = read("98-101:8-11").into_iter().map(|p| (p.1, p.2)).collect();
        assert_eq!(targets, [("100".into(), 10), ("101".into(), 11), ("98".into(), 8), ("99".into(), 9)]);
    }

    #[test]
    fn what_is_no_port_is_refused() {
        for spec in
            ["", "x", "70000", "80:", "1-2:3-5", "80/foo", "localhost:80:80", "5-3", "-1", "+80", "::1:1:2"]
        {
            assert!(parse(spec).is_err(), "{spec}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(spec in "[0-9:/\\[\\].-]{0,24}|\\PC{0,24}") {
            drop(parse(&spec));
        }
    }
}
