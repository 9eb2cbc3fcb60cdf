//! Dates, and dates with a time: go-yaml v3's rules.

use std::fmt::Write;

/// Returns how Go prints the date, or date and time, that a text is: `2024-01-02T00:00:00Z`. `None` if it is none.
pub(super) fn timestamp(text: &str) -> Option<String> {
    let split = text.find(['T', 't', ' ']);
    let (date, time) = split.map_or((text, None), |at| (&text[..at], Some(&text[at..])));
    let (year, month, day) = day(date)?;
    let mut out = format!("{year:04}-{month:02}-{day:02}T");
    let Some(time) = time else { return Some(out + "00:00:00Z") };
    let (clock, zone) = match time.find(['Z', '+', '-']) {
        Some(at) => (&time[1..at], Some(&time[at..])),
        None => (&time[1..], None),
    };
    // Behind a space there is no zone, behind a `T` there must be one.
    if time.starts_with(' ') == zone.is_some() {
        return None;
    }
    let (hour, minute, second, fraction) = clock_of(clock)?;
    let offset = zone.map_or(Some(0), minutes)?;
    write!(out, "{hour:02}:{minute:02}:{second:02}").ok()?;
    let fraction = fraction[..fraction.len().min(9)].trim_end_matches('0');
    if !fraction.is_empty() {
        write!(out, ".{fraction}").ok()?;
    }
    match offset {
        0 => out.push('Z'),
        _ => {
            let sign = if offset < 0 { '-' } else { '+' };
            write!(out, "{sign}{:02}:{:02}", offset.abs() / 60, offset.abs() % 60).ok()?;
        }
    }
    Some(out)
}

/// Reads `2024-1-2`, a day that there is.
fn day(text: &str) -> Option<(u32, u32, u32)> {
    let mut parts = text.split('-');
    let (Some(year), Some(month), Some(day), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return None;
    };
    if year.len() != 4 {
        return None;
    }
    let (year, month) = (number(year, 4, 9999)?, number(month, 2, 12)?);
    let leap = (year.is_multiple_of(4) && !year.is_multiple_of(100)) || year.is_multiple_of(400);
    let days = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    let day = number(day, 2, days)?;
    (month > 0 && day > 0).then_some((year, month, day))
}

/// Reads `3:4:5.6`; the fraction is its digits.
fn clock_of(text: &str) -> Option<(u32, u32, u32, &str)> {
    let mut parts = text.splitn(3, ':');
    let (hour, minute, second) = (parts.next()?, parts.next()?, parts.next()?);
    let (second, fraction) = second.split_once(['.', ',']).unwrap_or((second, "0"));
    let digits = !fraction.is_empty() && fraction.bytes().all(|b| b.is_ascii_digit());
    let clock = (number(hour, 2, 23)?, number(minute, 2, 59)?, number(second, 2, 59)?);
    digits.then_some((clock.0, clock.1, clock.2, fraction))
}

/// Reads `Z` or `+01:30` to minutes.
fn minutes(zone: &str) -> Option<i32> {
    if zone == "Z" {
        return Some(0);
    }
    let (hours, minutes) = zone[1..].split_once(':').filter(|(h, m)| h.len() == 2 && m.len() == 2)?;
    let total = i32::try_from(number(hours, 2, 24)? * 60 + number(minutes, 2, 60)?).ok()?;
    Some(if zone.starts_with('-') { -total } else { total })
}

/// Reads a number of so many digits at most that is not above a limit.
fn number(text: &str, digits: usize, most: u32) -> Option<u32> {
    let holds = (1..=digits).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|value| holds && *value <= most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_told_apart_from_texts_and_print_as_go_prints_them() {
        let cases = [
            ("2024-01-02", "2024-01-02T00:00:00Z"),
            ("2024-1-2", "2024-01-02T00:00:00Z"),
            ("2024-01-02T03:04:05Z", "2024-01-02T03:04:05Z"),
            ("2024-01-02 03:04:05.50", "2024-01-02T03:04:05.5Z"),
            ("2024-01-02 03:04:05,0000000001", "2024-01-02T03:04:05Z"),
            ("2024-02-29t1:2:3+01:60", "2024-02-29T01:02:03+02:00"),
            ("2001-12-14T21:59:43.10-05:00", "2001-12-14T21:59:43.1-05:00"),
            ("2001-12-14T21:59:43-00:00", "2001-12-14T21:59:43Z"),
        ];
        for (text, printed) in cases {
            assert_eq!(timestamp(text).as_deref(), Some(printed), "{text}");
        }
        for text in [
            "2023-02-29",
            "2024-00-01",
            "2024-01-00",
            "24-01-02",
            "2024-01-02T03:04:05",
            "2024-01-02 03:04:05Z",
            "2024-01-02T25:00:00Z",
            "2001-12-14 21:59:43.10 -5",
            "2024-01-02T",
            "2024-01-02T03:04:05+é1:00",
        ] {
            assert_eq!(timestamp(text), None, "{text}");
        }
    }
}
