//! What a plain scalar stands for: go-yaml v3's rules, a mix of YAML 1.1 and 1.2.

use super::Value;
use super::timestamp::timestamp;

/// Resolves an unquoted scalar.
pub(super) fn resolve(text: &str) -> Value {
    let Some(first) = text.bytes().next() else { return Value::Null };
    match text {
        "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        ".nan" | ".NaN" | ".NAN" => return Value::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => return Value::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => return Value::Float(f64::NEG_INFINITY),
        _ => {}
    }
    match first {
        b'.' => text
            .parse()
            .ok()
            .filter(|_| is_float(text))
            .map_or_else(|| Value::Text(text.into()), Value::Float),
        b'+' | b'-' | b'0'..=b'9' => {
            if let Some(printed) = timestamp(text) {
                return Value::Timestamp(printed);
            }
            let plain = text.replace('_', "");
            integer(&plain)
                .or_else(|| plain.parse().ok().filter(|_| is_float(&plain)).map(Value::Float))
                .unwrap_or_else(|| Value::Text(text.into()))
        }
        _ => Value::Text(text.into()),
    }
}

/// Reads an integer with Go's prefixes: `0x`, `0o`, `0b` and a leading `0` for octal.
pub(super) fn integer(plain: &str) -> Option<Value> {
    let (negative, digits) = match plain.as_bytes().first()? {
        b'-' => (true, &plain[1..]),
        b'+' => (false, &plain[1..]),
        _ => (false, plain),
    };
    let lower = digits.to_ascii_lowercase();
    let (radix, digits) = match lower.get(..2) {
        Some("0x") => (16, &lower[2..]),
        Some("0o") => (8, &lower[2..]),
        Some("0b") => (2, &lower[2..]),
        _ if lower.len() > 1 && lower.starts_with('0') => (8, &lower[1..]),
        _ => (10, lower.as_str()),
    };
    if digits.starts_with(['+', '-']) {
        return None;
    }
    let value = u64::from_str_radix(digits, radix).ok()?;
    match (negative, i64::try_from(value)) {
        (false, Ok(value)) => Some(Value::Int(value)),
        (false, Err(_)) if !plain.starts_with('+') => Some(Value::Uint(value)),
        (true, Ok(value)) => Some(Value::Int(-value)),
        (true, Err(_)) if value == 1 << 63 => Some(Value::Int(i64::MIN)),
        _ => None,
    }
}

/// Whether the text is `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`.
fn is_float(text: &str) -> bool {
    let text = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    let whole = match mantissa.split_once('.') {
        Some((whole, part)) => digits(whole) && digits(part) && !(whole.is_empty() && part.is_empty()),
        None => !mantissa.is_empty() && digits(mantissa),
    };
    let exponent = exponent.is_none_or(|e| {
        let e = e.strip_prefix(['-', '+']).unwrap_or(e);
        !e.is_empty() && digits(e)
    });
    whole && exponent
}

/// Decodes base 64 as Go's standard encoding does: padded, line breaks ignored.
pub(super) fn base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let symbols: Vec<u8> = text.bytes().filter(|b| !matches!(b, b'\n' | b'\r')).collect();
    if !symbols.len().is_multiple_of(4) {
        return None;
    }
    for (index, group) in symbols.chunks_exact(4).enumerate() {
        let last = (index + 1) * 4 == symbols.len();
        let padding = group.iter().rev().take_while(|b| **b == b'=').count();
        if padding > 2 || (padding > 0 && !last) {
            return None;
        }
        let mut bits = 0u32;
        for symbol in &group[..4 - padding] {
            let value = match symbol {
                b'A'..=b'Z' => symbol - b'A',
                b'a'..=b'z' => symbol - b'a' + 26,
                b'0'..=b'9' => symbol - b'0' + 52,
                b'+' => 62,
                b'/' => 63,
                _ => return None,
            };
            bits = bits << 6 | u32::from(value);
        }
        bits <<= 6 * padding;
        bytes.extend_from_slice(&bits.to_be_bytes()[1..4 - padding]);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_go_reads_them() {
        let cases =
            [("010", 8), ("0o10", 8), ("0x10", 16), ("0b11", 3), ("1_000", 1000), ("+5", 5), ("-0", 0)];
        for (text, value) in cases {
            assert_eq!(resolve(text), Value::Int(value), "{text}");
        }
        for (text, value) in [("1.", 1.0), (".5", 0.5), ("1e3", 1000.0), ("08", 8.0), ("1.10", 1.1)] {
            assert_eq!(resolve(text), Value::Float(value), "{text}");
        }
        assert_eq!(resolve("18446744073709551615"), Value::Uint(u64::MAX));
    }

    #[test]
    fn what_yaml_1_1_took_for_more_is_text() {
        for text in
            ["yes", "no", "on", "y", "22:22", "12:30:45", "0b12", "1.2.3", "-", "+", ".", "1e", "2024-13-01"]
        {
            assert_eq!(resolve(text), Value::Text(text.into()));
        }
    }

    #[test]
    fn base64_is_decoded() {
        assert_eq!(base64("aGVsbG8=").as_deref(), Some(b"hello".as_slice()));
        assert_eq!(base64("aGk=\n").as_deref(), Some(b"hi".as_slice()));
        assert_eq!(base64("a"), None);
    }
}
