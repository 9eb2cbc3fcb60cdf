//! Replaces secrets in texts that are about to be stored, logged or sent.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::AsciiSet;
use percent_encoding::NON_ALPHANUMERIC;
use percent_encoding::utf8_percent_encode;
use zeroize::Zeroizing;

use super::Secret;

/// What stands where a secret stood.
const MARK: &str = "[redacted]";

/// Shorter values are left alone: they would make any text unreadable, and hide nothing.
const MIN_LENGTH: usize = 4;

/// What RFC 3986 leaves as it is.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Knows some secrets, and the forms in which they travel.
///
/// A value is found as it is, line by line, escaped as in JSON, URL-encoded, and in base64 (also inside of something
/// longer that was encoded as a whole). Values and lines of less than four bytes are not looked for.
#[derive(Clone, Default)]
pub struct Redactor {
    forms: Vec<Zeroizing<String>>,
}

impl Redactor {
    /// Returns a redactor of these secrets.
    pub fn new(secrets: impl IntoIterator<Item = Secret>) -> Self {
        let mut redactor = Self::default();
        for secret in secrets {
            redactor.add(&secret);
        }
        redactor
    }

    /// Looks for this secret too.
    pub fn add(&mut self, secret: &Secret) {
        let value = secret.expose();
        let lines = value.lines().map(str::trim);
        for part in std::iter::once(value).chain(lines).filter(|part| part.len() >= MIN_LENGTH) {
            self.learn(forms(part).into_iter().map(Zeroizing::new));
        }
    }

    /// Looks for all that another one looks for.
    pub fn extend(&mut self, other: &Self) {
        self.learn(other.forms.iter().cloned());
    }

    fn learn(&mut self, forms: impl IntoIterator<Item = Zeroizing<String>>) {
        for form in forms {
            if !self.forms.contains(&form) {
                self.forms.push(form);
            }
        }
    }

    /// Returns the text with each secret replaced by `[redacted]`.
    pub fn redact(&self, text: &str) -> String {
        let mut hidden: Vec<(usize, usize)> = Vec::new();
        for form in &self.forms {
            let mut from = 0;
            while let Some(found) = text[from..].find(form.as_str()) {
                let start = from + found;
                hidden.push((start, start + form.len()));
                from = start + text[start..].chars().next().map_or(1, char::len_utf8);
            }
        }
        hidden.sort_unstable();
        let mut clean = String::with_capacity(text.len());
        let mut shown = 0;
        for (start, end) in hidden {
            if start >= shown {
                clean.push_str(&text[shown..start]);
                clean.push_str(MARK);
            }
            shown = shown.max(end);
        }
        clean.push_str(&text[shown..]);
        clean
    }
}

/// Returns the forms in which a value is looked for.
fn forms(value: &str) -> Vec<String> {
    let mut forms = vec![value.to_owned(), value.trim().to_owned()];
    let json = serde_json::Value::from(value).to_string();
    forms.push(json.trim_matches('"').to_owned());
    for set in [NON_ALPHANUMERIC, UNRESERVED] {
        let upper = utf8_percent_encode(value, set).to_string();
        forms.push(upper.replace("%20", "+"));
        forms.push(lower_escapes(&upper));
        forms.push(upper);
    }
    forms.push(STANDARD_NO_PAD.encode(value));
    forms.push(URL_SAFE_NO_PAD.encode(value));
    forms.extend((0..3).flat_map(|offset| inner_base64(value, offset)));
    forms.retain(|form| form.len() >= MIN_LENGTH);
    forms
}

/// Returns the percent-encoded text with its hexadecimal digits in lower case.
fn lower_escapes(encoded: &str) -> String {
    let mut parts = encoded.split('%');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (digits, rest) = part.split_at(2);
        text.push('%');
        text.push_str(&digits.to_ascii_lowercase());
        text.push_str(rest);
    }
    text
}

/// Returns what base64 makes of the value when it starts `offset` bytes into a group of three, without the characters
/// that depend on its neighbours. Nothing if that is too little to be told from chance.
fn inner_base64(value: &str, offset: usize) -> Vec<String> {
    let mut bytes = Zeroizing::new(vec![0; offset]);
    bytes.extend_from_slice(value.as_bytes());
    let first = (offset * 8).div_ceil(6);
    let last = bytes.len() * 8 / 6;
    if last < first + 2 * MIN_LENGTH {
        return Vec::new();
    }
    [STANDARD_NO_PAD, URL_SAFE_NO_PAD]
        .iter()
        .map(|engine| engine.encode(&*bytes)[first..last].to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;

    use super::*;

    fn redact(secret: &str, text: &str) -> String {
        Redactor::new([Secret::new(secret)]).redact(text)
    }

    #[test]
    fn a_value_is_found_in_each_of_its_forms() {
        let secret = "pa$$ word/\"é";
        assert_eq!(redact(secret, "x pa$$ word/\"é y"), "x [redacted] y");
        assert_eq!(redact(secret, r#"{"a":"pa$$ word/\"é"}"#), r#"{"a":"[redacted]"}"#);
        assert_eq!(redact(secret, "?p=pa%24%24%20word%2F%22%C3%A9&q"), "?p=[redacted]&q");
        assert_eq!(redact(secret, "?p=pa%24%24%20word%2f%22%c3%a9&q"), "?p=[redacted]&q");
        assert_eq!(redact(secret, "p=pa%24%24+word%2F%22%C3%A9"), "p=[redacted]");
        assert_eq!(redact(secret, "cGEkJCB3b3JkLyLDqQ=="), "[redacted]==");
    }

    #[test]
    fn a_value_is_found_inside_of_an_encoded_header() {
        for user in ["u", "us", "use"] {
            let header = STANDARD.encode(format!("{user}:correct-horse-battery@host"));
            let clean = redact("correct-horse-battery", &header);
            assert!(clean.contains(MARK), "{header} → {clean}");
        }
    }

    #[test]
    fn each_line_of_a_key_is_found_alone() {
        let key = "-----BEGIN KEY-----\n  AbCdEfGh\r\nab\n-----END KEY-----\n";
        assert_eq!(redact(key, "line AbCdEfGh of ab"), "line [redacted] of ab");
        assert_eq!(redact(key, &format!("<{key}>")), "<[redacted]>");
    }

    #[test]
    fn short_values_are_left_alone() {
        assert_eq!(redact("abc", "abc"), "abc");
        assert_eq!(redact("", "abc"), "abc");
    }

    #[test]
    fn overlapping_values_leave_no_rest() {
        let redactor = Redactor::new([Secret::new("abcdef"), Secret::new("efghij")]);
        assert_eq!(redactor.redact("1abcdefghij2"), "1[redacted]2");
        assert_eq!(redact("aaaa", "aaaaaa"), "[redacted]");
    }

    proptest! {
        #[test]
        fn no_value_is_left(secret in "[A-Z0-9é/+ ]{6,20}", before in "[a-z é]{0,9}", after in "[a-z é]{0,9}") {
            let clean = redact(&secret, &format!("{before}{secret}{after}"));
            prop_assert!(!clean.contains(secret.trim()) || secret.trim().len() < MIN_LENGTH);
        }
    }
}
