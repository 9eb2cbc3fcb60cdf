//! Lengths of time as people write them: `30s`, `5m`, `1h30m`.

use std::time::Duration;

/// The units, from the longest, with their milliseconds.
const UNITS: [(&str, u64); 4] = [("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// What a JSON Schema says of such a text.
pub(super) const PATTERN: &str = "^([0-9]+(ms|s|m|h))+$";

/// Why a text is not a length of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// A number without a unit, or nothing at all.
    #[error("write a length of time with its unit, such as 30s, 5m or 1h30m")]
    Malformed,
    /// More than can be counted.
    #[error("the length of time is too long")]
    TooLong,
}

/// Reads a length of time: whole numbers, each with one of the units `h`, `m`, `s` and `ms`.
///
/// # Errors
/// Fails if there is no number, no unit, or anything else. `0s` is not an error.
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    let mut rest = text;
    let mut total = 0_u64;
    if text.is_empty() {
        return Err(DurationError::Malformed);
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let letters = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        let (_, millis) = UNITS.iter().find(|(name, _)| *name == unit).ok_or(DurationError::Malformed)?;
        if number.is_empty() {
            return Err(DurationError::Malformed);
        }
        let number: u64 = number.parse().map_err(|_| DurationError::TooLong)?;
        let part = number.checked_mul(*millis).ok_or(DurationError::TooLong)?;
        total = total.checked_add(part).ok_or(DurationError::TooLong)?;
        rest = after;
    }
    Ok(Duration::from_millis(total))
}

/// Returns the length of time as it would be written, to the millisecond.
pub fn format_duration(duration: Duration) -> String {
    let mut rest = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let mut parts: Vec<String> = Vec::new();
    for (unit, millis) in UNITS {
        if rest >= millis {
            parts.push(format!("{}{unit}", rest / millis));
            rest %= millis;
        }
    }
    if parts.is_empty() { "0s".into() } else { parts.concat() }
}
