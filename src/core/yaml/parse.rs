//! From text to nodes: the YAML parser's events, given to the builder, and what go-yaml takes that the parser does not.

use std::borrow::Cow;

use saphyr_parser::Event;
use saphyr_parser::Parser;

use super::Node;
use super::Sources;
use super::build::Builder;
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
    let mut text = Cow::Borrowed(text.strip_prefix('\u{feff}').unwrap_or(text));
    let mut repairs = 0;
    loop {
        match documents(&text, sources, file, limits) {
            Ok(documents) => return Ok(documents),
            Err(Refused { tab_before: Some(at), .. }) if repairs < MAX_REPAIRS => {
                repairs += 1;
                text = Cow::Owned(tabs_to_spaces(&text, at));
            }
            Err(refused) => return Err(refused.error),
        }
    }
}

/// How many lines may have a tab behind their colon.
const MAX_REPAIRS: usize = 50;

/// What the parser says about a tab between a colon and a word, which go-yaml takes for a space.
const TAB_BEHIND_COLON: &str = "':' must be followed by a valid YAML whitespace";

/// What the parser says when it has to remember too many open brackets, which is far above our own limit.
const TOO_DEEP: &str = "recursion limit exceeded";

/// Why a text is refused.
struct Refused {
    error: Diagnostic,
    /// The character behind a tab that go-yaml accepts and the parser does not.
    tab_before: Option<usize>,
}

impl From<Diagnostic> for Refused {
    fn from(error: Diagnostic) -> Self {
        Self { error, tab_before: None }
    }
}

fn documents(text: &str, sources: &Sources, file: u16, limits: Limits) -> Result<Vec<Node>, Refused> {
    let mut builder = Builder::new(text, sources, file, limits);
    builder.refuse_other_versions()?;
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|e| match e.info() {
            TOO_DEEP => builder.too_deep(*e.marker()).into(),
            info => Refused {
                error: builder.error("yaml-syntax", *e.marker(), format!("yaml: {info}")),
                tab_before: (info == TAB_BEHIND_COLON).then(|| e.marker().index()),
            },
        })?;
        if event == Event::StreamEnd {
            break;
        }
        builder.event(event, span)?;
    }
    Ok(builder.documents)
}

/// Replaces the white space before a character by spaces.
fn tabs_to_spaces(text: &str, before: usize) -> String {
    let end = text.char_indices().nth(before).map_or(text.len(), |(at, _)| at);
    let start = text[..end].trim_end_matches([' ', '\t']).len();
    format!("{}{}{}", &text[..start], " ".repeat(end - start), &text[end..])
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
