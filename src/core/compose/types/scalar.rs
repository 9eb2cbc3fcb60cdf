//! Scalars with a printed form of their own: sizes, durations, file modes, ulimits.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use serde::Serializer;
use serde::ser::SerializeMap;

use super::omit::OmitEmpty;
use super::omit::omitted_when_default;

/// A size in bytes. Printed as a decimal string.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub i64);

/// A length of time in nanoseconds. Printed as Go prints it: `1m30s`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Duration(pub i64);

/// The permission bits of a file. Printed in octal with a leading zero: `0440`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FileMode(pub i64);

/// How many devices are asked for; `-1` means all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct DeviceCount(pub i64);

/// One resource limit of a container's processes: a single value for both, or a soft and a hard one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ulimit {
    /// The value for both limits; `0` if they are given apart.
    pub single: i64,
    /// The soft limit, if given apart.
    pub soft: i64,
    /// The hard limit, if given apart.
    pub hard: i64,
}

/// Host names and their addresses. Printed as a sorted list of `host=address`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hosts(pub BTreeMap<String, Vec<String>>);

omitted_when_default!(Bytes, Duration, DeviceCount);

impl OmitEmpty for Hosts {
    fn omitted(&self) -> bool {
        self.0.is_empty()
    }
}

impl Hosts {
    /// Returns `host<separator>address` for each address, sorted.
    pub fn entries(&self, separator: char) -> Vec<String> {
        let pairs = self.0.iter().flat_map(|(host, addresses)| addresses.iter().map(move |a| (host, a)));
        let mut entries: Vec<String> = pairs.map(|(host, a)| format!("{host}{separator}{a}")).collect();
        entries.sort();
        entries
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for FileMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < 0 { write!(f, "0-{:o}", self.0.unsigned_abs()) } else { write!(f, "0{:o}", self.0) }
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.unsigned_abs();
        if nanos == 0 {
            return f.write_str("0s");
        }
        if self.0 < 0 {
            f.write_str("-")?;
        }
        match nanos {
            0..1_000 => write!(f, "{nanos}ns"),
            1_000..1_000_000 => write!(f, "{}µs", decimal(nanos, 3)),
            1_000_000..1_000_000_000 => write!(f, "{}ms", decimal(nanos, 6)),
            _ => {
                let minutes = nanos / 60_000_000_000;
                if minutes >= 60 {
                    write!(f, "{}h", minutes / 60)?;
                }
                if minutes > 0 {
                    write!(f, "{}m", minutes % 60)?;
                }
                write!(f, "{}s", decimal(nanos % 60_000_000_000, 9))
            }
        }
    }
}

/// Writes `value / 10^digits` without trailing zeros.
fn decimal(value: u64, digits: u32) -> String {
    let unit = 10u64.pow(digits);
    let width = digits as usize;
    let text = format!("{}.{:0width$}", value / unit, value % unit);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for Duration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for FileMode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for Hosts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.entries('=').serialize(serializer)
    }
}

impl Serialize for Ulimit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.single != 0 {
            return serializer.serialize_i64(self.single);
        }
        let mut map = serializer.serialize_map(None)?;
        for (key, value) in [("soft", self.soft), ("hard", self.hard)] {
            if value != 0 {
                map.serialize_entry(key, &value)?;
            }
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_print_as_go_prints_them() {
        let cases = [
            (0, "0s"),
            (1, "1ns"),
            (1_500, "1.5µs"),
            (250_000_000, "250ms"),
            (90_000_000_000, "1m30s"),
            (1_500_000_000, "1.5s"),
            (172_800_000_000_000, "48h0m0s"),
            (-5_000_000_000, "-5s"),
        ];
        for (nanos, text) in cases {
            assert_eq!(Duration(nanos).to_string(), text);
        }
    }

    #[test]
    fn file_modes_print_in_octal() {
        assert_eq!(FileMode(0o440).to_string(), "0440");
    }

    #[test]
    fn hosts_print_sorted_by_their_whole_text() {
        let hosts = Hosts(BTreeMap::from([
            ("b".into(), vec!["2.2.2.2".into(), "1.1.1.1".into()]),
            ("a".into(), vec!["::1".into()]),
        ]));
        assert_eq!(hosts.entries('='), ["a=::1", "b=1.1.1.1", "b=2.2.2.2"]);
    }
}
