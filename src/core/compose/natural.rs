//! The order in which go-yaml prints the keys of maps: numbers in them count as numbers.

use std::cmp::Ordering;

/// Compares two keys: `a2` is before `a10`, and what is no letter before letters.
pub(super) fn natural_order(a: &str, b: &str) -> Ordering {
    let (left, right): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut after_digit = false;
    for (at, (l, r)) in left.iter().zip(&right).enumerate() {
        if l == r {
            after_digit = l.is_numeric();
            continue;
        }
        return match (l.is_alphabetic(), r.is_alphabetic()) {
            (true, true) => l.cmp(r),
            (true, false) => {
                if after_digit {
                    Ordering::Less
                } else {
                    Ordering::Greater
                }
            }
            (false, true) => {
                if after_digit {
                    Ordering::Greater
                } else {
                    Ordering::Less
                }
            }
            (false, false) => {
                let inside_number = (*l == '0' || *r == '0') && inside_number(&left[..at]);
                let (l_number, l_digits) = number(&left[at..], inside_number);
                let (r_number, r_digits) = number(&right[at..], inside_number);
                l_number.cmp(&r_number).then(l_digits.cmp(&r_digits)).then(l.cmp(r))
            }
        };
    }
    left.len().cmp(&right.len())
}

/// Whether the text ends with digits that are not all zero.
fn inside_number(text: &[char]) -> bool {
    text.iter().rev().take_while(|c| c.is_numeric()).any(|c| *c != '0')
}

/// Reads the number that a text begins with; what went before it counts as a one.
fn number(text: &[char], inside_number: bool) -> (u64, usize) {
    let digits: Vec<u64> = text.iter().map_while(|c| c.to_digit(10).map(u64::from)).collect();
    let start = u64::from(inside_number);
    let value = digits.iter().fold(start, |value, digit| value.wrapping_mul(10).wrapping_add(*digit));
    (value, digits.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_count_as_numbers() {
        let mut keys = vec!["A10", "A2", "A_B", "AB", "A", "a", "A1B", "A1_", "A01", "10", "9", "-x"];
        keys.sort_by(|a, b| natural_order(a, b));
        assert_eq!(keys, ["-x", "9", "10", "A", "A_B", "A1B", "A1_", "A01", "A2", "A10", "AB", "a"]);
    }
}
