//! Texts with a grammar of their own: sizes, durations, command lines, booleans, floats. Go's and its libraries' rules.

/// Parses a size such as `64m` or `1.5 GiB` to bytes; the base is 1024.
///
/// # Errors
/// Fails if there is no number or the unit is unknown.
pub(super) fn bytes(text: &str) -> Result<i64, String> {
    let invalid = || format!("invalid size: '{text}'");
    let last = text.rfind(|c: char| c.is_ascii_digit() || c == '.' || c == ' ').ok_or_else(invalid)?;
    let number = if text.as_bytes()[last] == b' ' { &text[..last] } else { &text[..=last] };
    let unit = text[last + 1..].to_ascii_lowercase();
    let size = go_float(number).ok_or_else(invalid)?;
    if size < 0.0 || size.is_nan() {
        return Err(invalid());
    }
    let power = match unit.as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 1,
        "m" | "mb" | "mib" => 2,
        "g" | "gb" | "gib" => 3,
        "t" | "tb" | "tib" => 4,
        "p" | "pb" | "pib" => 5,
        _ => return Err(format!("invalid suffix: '{unit}'")),
    };
    let size = size * 1024f64.powi(power);
    // What does not fit becomes the smallest integer, as in Go on the reference's hardware.
    #[expect(clippy::cast_possible_truncation, reason = "fractions of a byte are dropped")]
    Ok(if size < TOO_LARGE { size as i64 } else { i64::MIN })
}

/// The smallest float above all 64-bit integers.
const TOO_LARGE: f64 = 9_223_372_036_854_775_808.0;

/// Parses a float as Go does: `_` may stand between two digits.
pub(super) fn go_float(text: &str) -> Option<f64> {
    if !text.contains('_') {
        return text.parse().ok();
    }
    let bytes = text.as_bytes();
    let digit = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_digit);
    let between_digits = |at: usize| digit(at.checked_sub(1)) && digit(Some(at + 1));
    let holds = text.match_indices('_').all(|(at, _)| between_digits(at));
    holds.then(|| text.replace('_', "")).and_then(|plain| plain.parse().ok())
}

/// Parses a duration such as `1m30s` or `2d` to nanoseconds.
///
/// # Errors
/// Fails if a number or unit is missing, the unit is unknown, or the sum is out of range.
pub(super) fn duration(text: &str) -> Result<i64, String> {
    let invalid = || format!("time: invalid duration \"{text}\"");
    let (negative, mut rest) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let digits = |s: &str| s.bytes().take_while(u8::is_ascii_digit).count();
        let whole = &rest[..digits(rest)];
        rest = &rest[whole.len()..];
        let mut fraction = "";
        if let Some(after) = rest.strip_prefix('.') {
            fraction = &after[..digits(after)];
            rest = &after[fraction.len()..];
        }
        if whole.is_empty() && fraction.is_empty() {
            return Err(invalid());
        }
        let end = rest.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(rest.len());
        let unit = match &rest[..end] {
            "" => return Err(format!("time: missing unit in duration \"{text}\"")),
            "ns" => 1u64,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            "d" => 86_400_000_000_000,
            "w" => 604_800_000_000_000,
            unknown => return Err(format!("time: unknown unit \"{unknown}\" in duration \"{text}\"")),
        };
        rest = &rest[end..];
        let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| invalid())? };
        let part: f64 = format!("0.{fraction}0").parse().map_err(|_| invalid())?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a fraction of a unit is far below 2^63 and fractions of a nanosecond are dropped"
        )]
        let part = (part * unit as f64) as u64;
        let sum =
            whole.checked_mul(unit).and_then(|v| v.checked_add(part)).and_then(|v| v.checked_add(total));
        total = sum.filter(|v| i64::try_from(*v).is_ok()).ok_or_else(invalid)?;
    }
    let total = i64::try_from(total).map_err(|_| invalid())?;
    Ok(if negative { -total } else { total })
}

/// Splits a command line as a shell does, without expanding anything. It ends at an unquoted `;`, `&`, `|`, `<` or
/// `>`, for Compose's parser does so.
///
/// # Errors
/// Fails if a quote or parenthesis is not closed.
pub(super) fn shell_words(line: &str) -> Result<Vec<String>, &'static str> {
    const INVALID: &str = "invalid command line string: a quote, parenthesis or backslash is not closed";
    let mut words = Vec::new();
    let mut word = String::new();
    let mut started = false;
    let (mut escaped, mut double, mut single, mut back, mut dollar) = (false, false, false, false, false);
    for c in line.chars() {
        if escaped {
            word.push(c);
            escaped = false;
            started = true;
            continue;
        }
        match c {
            '\\' => {
                if single {
                    word.push(c);
                } else {
                    escaped = true;
                }
                continue;
            }
            ' ' | '\t' | '\r' | '\n' => {
                if single || double || back || dollar {
                    word.push(c);
                } else if started {
                    words.push(std::mem::take(&mut word));
                    started = false;
                }
                continue;
            }
            '`' if !single && !double && !dollar => back = !back,
            ')' if !single && !double && !back => dollar = !dollar,
            '(' if !single && !double && !back => {
                if dollar || !word.ends_with('$') {
                    return Err(INVALID);
                }
                dollar = true;
                word.push('(');
                continue;
            }
            '"' if !single && !dollar => {
                started |= double;
                double = !double;
                continue;
            }
            '\'' if !double && !dollar => {
                started |= single;
                single = !single;
                continue;
            }
            ';' | '&' | '|' | '<' | '>' if !(single || double || back || dollar) => {
                if c == '>' && word.starts_with(|c: char| c.is_ascii_digit()) {
                    started = false;
                }
                break;
            }
            _ => {}
        }
        started = true;
        word.push(c);
    }
    if started {
        words.push(word);
    }
    if escaped || single || double || back || dollar { Err(INVALID) } else { Ok(words) }
}

/// Reads a boolean as interpolated values are: YAML 1.1's words count.
pub(super) fn go_bool(text: &str) -> Option<bool> {
    match text.to_lowercase().as_str() {
        "true" | "y" | "yes" | "on" => Some(true),
        "false" | "n" | "no" | "off" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sizes_are_read_as_docker_reads_them() {
        let cases = [
            ("64m", 67_108_864),
            ("1.5 GiB", 1_610_612_736),
            ("10", 10),
            ("2kb", 2048),
            ("0.5b", 0),
            ("1T", 1 << 40),
        ];
        for (text, size) in cases {
            assert_eq!(bytes(text), Ok(size), "{text}");
        }
        for bad in ["", "m", "-1", "1mm", "1kbb", "1 000 x", "64 mo"] {
            assert!(bytes(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn durations_add_up_their_parts() {
        let cases = [
            ("1m30s", 90_000_000_000),
            ("1.5s", 1_500_000_000),
            ("2d", 172_800_000_000_000),
            ("0", 0),
            ("-5s", -5_000_000_000),
            (".5ms", 500_000),
        ];
        for (text, nanos) in cases {
            assert_eq!(duration(text), Ok(nanos), "{text}");
        }
        for bad in ["", "5", "s", "1y", "1 s", "999999999999h", "-"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_command_line_is_split_at_spaces_outside_of_quotes() {
        let words = |line| shell_words(line).expect("a closed line");
        assert_eq!(words(r#"sh -c "a 'b' c" d\ e ''"#), ["sh", "-c", "a 'b' c", "d e", ""]);
        assert_eq!(words("a | b"), ["a"]);
        assert_eq!(words("echo $(a b)"), ["echo", "$(a b)"]);
        assert_eq!(words("echo 2>x"), ["echo"]);
        assert!(shell_words("a 'b").is_err());
        assert!(shell_words("a (b").is_err());
        assert!(shell_words("a \\").is_err());
    }

    proptest! {
        #[test]
        fn no_text_makes_a_parser_panic(text in "\\PC{0,24}|[-+0-9.a-zµ ]{0,24}|[a-z'\"\\\\ $()`|>]{0,24}") {
            drop((bytes(&text), duration(&text), shell_words(&text), go_bool(&text)));
        }
    }
}
