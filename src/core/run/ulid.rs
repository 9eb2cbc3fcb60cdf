//! Ids that sort by time: ULIDs, 26 characters.

use std::fmt;

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

/// Crockford's base 32: no I, L, O and U.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// An id of 48 bits of milliseconds and 80 random bits. Its text sorts by time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Ulid(String);

impl Ulid {
    /// Returns the id of a moment. Times before 1970 count as 1970.
    pub fn new(at: Timestamp, random: [u8; 10]) -> Self {
        let time = u64::try_from(at.as_millisecond()).unwrap_or(0);
        let mut bytes = [0; 16];
        bytes[..6].copy_from_slice(&time.to_be_bytes()[2..]);
        bytes[6..].copy_from_slice(&random);
        let bits = u128::from_be_bytes(bytes);
        let digit = |index: u32| {
            usize::try_from((bits >> (5 * index)) & 31).map_or('0', |at| char::from(ALPHABET[at]))
        };
        Self((0..26).rev().map(digit).collect())
    }

    /// Reads an id, in either case.
    pub fn parse(text: &str) -> Option<Self> {
        let upper = text.to_ascii_uppercase();
        let fits = upper.len() == 26 && upper.as_bytes()[0] <= b'7';
        (fits && upper.bytes().all(|b| ALPHABET.contains(&b))).then_some(Self(upper))
    }

    /// Returns the 26 characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Ulid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Ulid> for String {
    fn from(id: Ulid) -> Self {
        id.0
    }
}

impl TryFrom<String> for Ulid {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| format!("`{text}` is not an id of 26 characters"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_that_of_the_ulid_specification() {
        // The time part of the specification's own example.
        let at = Timestamp::from_millisecond(1_469_918_176_385).expect("a time");
        assert!(Ulid::new(at, [0; 10]).as_str().starts_with("01ARYZ6S41"));
        assert_eq!(Ulid::new(Timestamp::UNIX_EPOCH, [255; 10]).as_str(), "0000000000ZZZZZZZZZZZZZZZZ");
    }

    #[test]
    fn later_ids_sort_after_earlier_ones() {
        let id = |ms, byte| Ulid::new(Timestamp::from_millisecond(ms).expect("a time"), [byte; 10]);
        assert!(id(1_000, 255) < id(1_001, 0));
    }

    #[test]
    fn what_is_written_is_read() {
        let id = Ulid::new(Timestamp::UNIX_EPOCH, [7; 10]);
        assert_eq!(Ulid::parse(&id.as_str().to_lowercase()), Some(id));
        assert_eq!(Ulid::parse("8ZZZZZZZZZZZZZZZZZZZZZZZZZ"), None);
        assert_eq!(Ulid::parse("0000000000000000000000000U"), None);
    }
}
