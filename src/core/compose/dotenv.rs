//! The grammar of `.env`, `env_file` and `label_file`.

use std::collections::BTreeMap;

use super::template::substitute;

/// Where a value comes from that the file does not give.
pub(super) type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Why a file cannot be read, and on which line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub(super) struct DotenvError {
    /// The line, from 1.
    pub(super) line: usize,
    /// What is wrong.
    pub(super) message: String,
}

/// Reads a file's text into `vars`. Values may refer to variables: those that `lookup` knows, else those of `vars`.
///
/// # Errors
/// Fails at the first line that is no assignment, and at a template in a value that is none.
pub(super) fn read(
    text: &str,
    vars: &mut BTreeMap<String, String>,
    lookup: Lookup<'_>,
) -> Result<(), DotenvError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut parser = Parser { text, at: 0, length: 0 };
    while parser.skip_to_statement() {
        parser.statement(vars, lookup)?;
    }
    Ok(())
}

/// Reads a file of the format `raw`: a line is `KEY=VALUE` and the value is taken as it is.
///
/// # Errors
/// Fails at the first line without a key or with white space in it.
pub(super) fn read_raw(
    text: &str,
    vars: &mut BTreeMap<String, String>,
    lookup: Lookup<'_>,
) -> Result<(), DotenvError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for (index, line) in text.lines().enumerate() {
        let fail = |message: String| Err(DotenvError { line: index + 1, message });
        let line = line.trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (key, value) = line.split_once('=').map_or((line, None), |(key, value)| (key, Some(value)));
        if key.is_empty() {
            return fail(format!("no variable name on line '{line}'"));
        }
        if key.contains([' ', '\t']) {
            return fail(format!("variable '{key}' contains whitespaces"));
        }
        if let Some(value) = value.map(str::to_owned).or_else(|| lookup(key)) {
            vars.insert(key.to_owned(), value);
        }
    }
    Ok(())
}

/// How long the values of a file may be together, in bytes.
const MAX_LENGTH: usize = 16 << 20;

struct Parser<'a> {
    text: &'a str,
    at: usize,
    /// How long the values are together.
    length: usize,
}

/// White space that does not end a line.
fn is_blank(c: char) -> bool {
    matches!(c, '\t' | '\u{b}' | '\u{c}' | '\r' | ' ' | '\u{85}' | '\u{a0}')
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn error<T>(&self, message: String) -> Result<T, DotenvError> {
        let line = self.text[..self.at].matches('\n').count() + 1;
        Err(DotenvError { line, message })
    }

    /// Goes past white space and comments. Returns false at the end.
    fn skip_to_statement(&mut self) -> bool {
        loop {
            self.at += self.rest().len() - self.rest().trim_start().len();
            if !self.rest().starts_with('#') {
                return !self.rest().is_empty();
            }
            self.at += self.rest().find('\n').unwrap_or(self.rest().len());
        }
    }

    fn statement(
        &mut self,
        vars: &mut BTreeMap<String, String>,
        lookup: Lookup<'_>,
    ) -> Result<(), DotenvError> {
        if let Some(after) =
            self.rest().strip_prefix("export").filter(|after| after.starts_with(is_ascii_space))
        {
            self.at = self.text.len() - after.trim_start_matches(is_blank).len();
        }
        let rest = self.rest();
        let end = rest.char_indices().find(|(_, c)| match c {
            '=' | ':' | '\n' => true,
            '_' | '.' | '-' | '[' | ']' => false,
            c => !is_blank(*c) && !c.is_alphanumeric(),
        });
        let (key, separator) = match end {
            Some((at, c @ ('=' | ':' | '\n'))) => {
                self.at += at + 1;
                (rest[..at].trim_end(), Some(c))
            }
            Some((_, c)) => {
                let line = rest.lines().next().unwrap_or_default();
                return self.error(format!("unexpected character \"{c}\" in variable name {line:?}"));
            }
            None => ("", None),
        };
        if key.contains(' ') {
            self.at -= 1;
            return self.error("key cannot contain a space".into());
        }
        if separator == Some('\n') {
            if let Some(value) = lookup(key) {
                vars.insert(key.to_owned(), value);
            }
            return Ok(());
        }
        self.at += self.rest().len() - self.rest().trim_start_matches(is_blank).len();
        let value = self.value(vars, lookup)?;
        self.length += value.len();
        if self.length > MAX_LENGTH {
            return self.error(format!("the values have more than {MAX_LENGTH} bytes together"));
        }
        vars.insert(key.to_owned(), value);
        Ok(())
    }

    fn value(&mut self, vars: &BTreeMap<String, String>, lookup: Lookup<'_>) -> Result<String, DotenvError> {
        let rest = self.rest();
        let Some(quote @ ('\'' | '"')) = rest.chars().next() else {
            let line = rest.split('\n').next().unwrap_or_default();
            let value = line.split(" #").next().unwrap_or_default().trim_end();
            let value = self.expand(value, vars, lookup)?;
            self.at += (line.len() + 1).min(rest.len());
            return Ok(value);
        };
        let mut value = String::new();
        let mut escaped = false;
        for (at, c) in rest.char_indices().skip(1) {
            match c {
                '\\' if !escaped => escaped = true,
                c if c == quote && escaped => {
                    value.push(c);
                    escaped = false;
                }
                c if c == quote => {
                    if quote == '"' {
                        value = self.expand(&unescape(&value), vars, lookup)?;
                    }
                    self.at += at + 1;
                    return Ok(value);
                }
                c => {
                    if std::mem::take(&mut escaped) {
                        value.push('\\');
                    }
                    value.push(c);
                }
            }
        }
        let line = rest.lines().next().unwrap_or_default();
        self.error(format!("unterminated quoted value {line}"))
    }

    fn expand(
        &self,
        value: &str,
        vars: &BTreeMap<String, String>,
        lookup: Lookup<'_>,
    ) -> Result<String, DotenvError> {
        let lookup = |name: &str| lookup(name).or_else(|| vars.get(name).cloned());
        substitute(value, &lookup, &mut Vec::new()).or_else(|error| self.error(error.to_string()))
    }
}

fn is_ascii_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\u{c}')
}

/// Replaces the escapes of a value in double quotes. `\$` becomes `$$`, which the template grammar reads as a `$`.
fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let Some(c) = rest.chars().next() else {
            out.push('\\');
            continue;
        };
        rest = &rest[c.len_utf8()..];
        match c {
            'a' => out.push('\u{7}'),
            'b' => out.push('\u{8}'),
            'f' => out.push('\u{c}'),
            'n' => out.push('\n'),
            'r' => out.push('\r'),
            't' => out.push('\t'),
            'v' => out.push('\u{b}'),
            '\\' => out.push('\\'),
            '"' => out.push('"'),
            '$' => out.push_str("$$"),
            '0' => {
                let digits = rest.bytes().take(3).take_while(u8::is_ascii_digit).count();
                if let Some(byte) = u8::from_str_radix(&rest[..digits], 8).ok().filter(|_| digits == 3) {
                    out.push(char::from(byte));
                } else {
                    out.push('\\');
                    out.push_str(&rest[..digits]);
                }
                rest = &rest[digits..];
            }
            c => {
                out.push('\\');
                out.push(c);
            }
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn vars(text: &str) -> Result<BTreeMap<String, String>, String> {
        let mut vars = BTreeMap::new();
        let lookup = |name: &str| (name == "OUT").then(|| "out".to_owned());
        read(text, &mut vars, &lookup).map(|()| vars).map_err(|error| error.to_string())
    }

    #[test]
    fn values_are_read_in_each_quoting() {
        let cases = [
            ("A=b", "b"),
            ("A = b c # x", "b c"),
            ("A: b#c", "b#c"),
            ("export A='b $X\\'c'", "b $X'c"),
            ("A=\"b\\n$OUT\\$X\\0101\"", "b\nout$XA"),
            ("B=1\nA=${B}2", "12"),
            ("A='x\ny'", "x\ny"),
            ("A=\\n", "\\n"),
            ("A=", ""),
            ("\u{feff}A=1", "1"),
        ];
        for (text, value) in cases {
            assert_eq!(vars(text).expect(text).get("A").map(String::as_str), Some(value), "{text}");
        }
    }

    #[test]
    fn a_key_alone_takes_the_value_from_outside() {
        assert_eq!(vars("OUT\nNO\n"), Ok(BTreeMap::from([("OUT".into(), "out".into())])));
    }

    #[test]
    fn errors_name_their_line() {
        let cases = [
            ("A=1\n)=2", "line 2: unexpected character \")\" in variable name \")=2\""),
            ("A B=1", "line 1: key cannot contain a space"),
            ("A=1\n\nB='x", "line 3: unterminated quoted value 'x"),
        ];
        for (text, error) in cases {
            assert_eq!(vars(text), Err(error.into()));
        }
    }

    #[test]
    fn raw_values_are_taken_as_they_are() {
        let mut vars = BTreeMap::new();
        read_raw("# x\nA='b' $C \nOUT\n", &mut vars, &|_| Some("o".into())).expect("a raw file");
        assert_eq!(vars, BTreeMap::from([("A".into(), "'b' $C ".into()), ("OUT".into(), "o".into())]));
        assert!(read_raw("A B=1", &mut vars, &|_| None).is_err());
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(\\PC|[\n='\"$\\\\ #:]){0,60}") {
            drop(vars(&text));
        }
    }
}
