//! From text to nodes: the YAML parser's events, given to the builder, and what go-yaml takes that the parser does not.

use std::borrow::Cow;

use saphyr_parser::Event;
use saphyr_parser::Parser;

use super::Node;
use super::Sources;
use super::build::Builder;
use super::strict::Strict;
use super::strict::control_character;
use crate::core::diag::Diagnostic;

/// How large a tree may become.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How many values may be nested.
    pub depth: usize,
    /// How many values there may be after aliases are replaced by what they stand for. Every 64 bytes of a text count
    /// as one more.
    pub nodes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { depth: 100, nodes: 500_000 }
    }
}

/// Parses a text into its documents. `file` is the text's index in `sources`.
///
/// # Errors
/// Fails at the first thing that is no YAML, a key that is defined twice or is no text, an alias that is unknown or
/// inside what it stands for, and when a limit is passed.
pub fn parse(text: &str, sources: &Sources, file: u16, limits: Limits) -> Result<Vec<Node>, Diagnostic> {
    let original = text.strip_prefix('\u{feff}').unwrap_or(text);
    if let Some(mark) = control_character(original) {
        let message = "yaml: control characters are not allowed".to_owned();
        return Err(Builder::new(original, sources, file, limits).error("yaml-syntax", mark, message));
    }
    let mut text = Cow::Borrowed(original);
    let mut read_again = 0;
    loop {
        match documents(&text, original, sources, file, limits) {
            Ok(documents) => return Ok(documents),
            Err(Refused { tab: Some(at), .. }) if read_again < MAX_READ_AGAIN => {
                read_again += text.len();
                text = Cow::Owned(tabs_to_spaces(&text, at));
            }
            Err(refused) => return Err(refused.error),
        }
    }
}

/// How many bytes are read again for tabs that the parser does not take, at least.
const MAX_READ_AGAIN: usize = 4 << 20;

/// What the parser says about tabs that go-yaml takes for spaces: behind a colon, in a quoted text, in brackets.
const TABS: [&str; 3] = [
    "':' must be followed by a valid YAML whitespace",
    "tab cannot be used as indentation",
    "tabs disallowed within this context (block indentation)",
];

/// What the parser says when it has to remember too many open brackets, which is far above our own limit.
const TOO_DEEP: &str = "recursion limit exceeded";

/// Why a text is refused.
struct Refused {
    error: Diagnostic,
    /// The character of or behind a tab that go-yaml may accept and the parser does not.
    tab: Option<usize>,
}

impl From<Diagnostic> for Refused {
    fn from(error: Diagnostic) -> Self {
        Self { error, tab: None }
    }
}

/// Reads the documents of a text, some tabs of which may have been replaced by spaces; `original` has them.
fn documents(
    text: &str,
    original: &str,
    sources: &Sources,
    file: u16,
    limits: Limits,
) -> Result<Vec<Node>, Refused> {
    let mut builder = Builder::new(text, sources, file, limits);
    let mut strict = Strict::new(original);
    builder.refuse_other_versions()?;
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|e| match e.info() {
            TOO_DEEP => builder.too_deep(*e.marker()).into(),
            info => Refused {
                error: builder.error("yaml-syntax", *e.marker(), format!("yaml: {info}")),
                tab: TABS.contains(&info).then(|| e.marker().index()),
            },
        })?;
        let refused = |(mark, message)| builder.error("yaml-syntax", mark, format!("yaml: {message}"));
        strict.event(&event, span).map_err(refused)?;
        if event == Event::StreamEnd {
            break;
        }
        builder.event(event, span)?;
    }
    Ok(builder.documents)
}

/// Replaces the white space around a character's beginning by spaces.
fn tabs_to_spaces(text: &str, at: usize) -> String {
    let blank = [' ', '\t'];
    let at = text.char_indices().nth(at).map_or(text.len(), |(at, _)| at);
    let start = text[..at].trim_end_matches(blank).len();
    let end = text.len() - text[at..].trim_start_matches(blank).len();
    format!("{}{}{}", &text[..start], " ".repeat(end - start), &text[end..])
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
