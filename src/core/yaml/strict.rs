//! What the YAML parser takes and go-yaml v3 does not: control characters, a tab where a token may begin, a `?` in a
//! plain text between brackets, a tag that runs into what follows. It is told of each event and looks at the text
//! between two of them.

use saphyr_parser::Event;
use saphyr_parser::Marker;
use saphyr_parser::ScalarStyle;
use saphyr_parser::Span;

/// Follows the events of a text.
pub(super) struct Strict<'a> {
    text: &'a str,
    /// Whether there is anything in the text that has to be looked for.
    idle: bool,
    /// Up to where the text was looked at: the byte, the character, its line and its column.
    at: usize,
    index: usize,
    line: usize,
    column: usize,
    open: Vec<Open>,
    before: Before,
}

/// A list or mapping that is not yet closed.
#[derive(Clone, Copy)]
struct Open {
    /// Whether it is in brackets, or inside of one that is.
    flow: bool,
    /// The column of its items or keys. Unknown before the first one, and of lists that are indented as their key is.
    column: Option<usize>,
}

/// What the white space that is looked at stands behind.
#[derive(Clone, Copy)]
enum Before {
    /// A plain text, which may go on behind it. `broken`: a line break was among it.
    Word { broken: bool },
    /// The beginning of a line, or `-`: what follows is indented.
    Indent,
    /// Anything else.
    Token,
}

/// Where what go-yaml refuses is, and its words for it.
pub(super) type Refusal = (Marker, &'static str);

/// Returns where the first character is that may be nowhere in a text, comments included.
pub(super) fn control_character(text: &str) -> Option<Marker> {
    let allowed = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{a0}'..='\u{fffd}' | '\u{10000}'..);
    let (at, _) = text.char_indices().find(|(_, c)| !allowed(*c))?;
    let before = &text[..at];
    let line = before.rsplit('\n').next().unwrap_or_default();
    Some(Marker::new(before.chars().count(), before.matches('\n').count() + 1, line.chars().count()))
}

impl<'a> Strict<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let idle = !text.contains(['\t', '?', '!']);
        Self { text, idle, at: 0, index: 0, line: 1, column: 0, open: Vec::new(), before: Before::Indent }
    }

    /// Whether what comes next is in brackets.
    pub(super) fn in_flow(&self) -> bool {
        self.open.last().is_some_and(|open| open.flow)
    }

    /// Looks at what stands before an event, and at the event.
    ///
    /// # Errors
    /// Fails at the first thing that go-yaml refuses.
    pub(super) fn event(&mut self, event: &Event<'_>, span: Span) -> Result<(), Refusal> {
        if self.idle {
            return Ok(());
        }
        match event {
            Event::Scalar(text, style, _, tag) => {
                let behind = self.at;
                self.walk_to(span.start.index())?;
                if let Some(Open { flow: false, column: column @ None }) = self.open.last_mut() {
                    *column = Some(span.start.col());
                }
                if tag.is_some() {
                    self.tag_stands_apart()?;
                }
                match style {
                    ScalarStyle::Plain if text.is_empty() => {}
                    ScalarStyle::Plain if self.in_flow() && text.contains('?') => {
                        return Err((span.start, "did not find expected ',' or the end of the brackets"));
                    }
                    ScalarStyle::Plain => self.pass(span, Before::Word { broken: false }),
                    ScalarStyle::Literal | ScalarStyle::Folded => {
                        let begins_with_tab = text.trim_start_matches('\n').starts_with('\t');
                        if begins_with_tab && !says_its_indent(&self.text[behind..self.at]) {
                            return Err((span.start, TAB_IN_INDENT));
                        }
                        self.block_ends_without_tabs(span)?;
                        self.pass(span, Before::Indent);
                    }
                    ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => self.pass(span, Before::Token),
                }
            }
            Event::SequenceStart(_, tag) | Event::MappingStart(_, tag) => {
                self.walk_to(span.start.index())?;
                if tag.is_some() {
                    self.tag_stands_apart()?;
                }
                let (start, end) = (self.at, self.byte_of(span.end.index()));
                let brackets = self.text[start..end].ends_with(['[', '{']);
                let block = start == end || self.text[start..].starts_with('-');
                let column = (block && !self.in_flow()).then_some(span.start.col());
                let is_list = matches!(event, Event::SequenceStart(..));
                let column = column.filter(|_| !is_list || self.text[start..].starts_with('-'));
                self.open.push(Open { flow: brackets || self.in_flow(), column });
                if brackets {
                    self.pass(span, Before::Token);
                }
            }
            Event::SequenceEnd | Event::MappingEnd => {
                self.walk_to(span.start.index())?;
                self.open.pop();
                if span.end.index() > span.start.index() {
                    self.pass(span, Before::Token);
                }
            }
            Event::Alias(_) | Event::DocumentStart(_) | Event::DocumentEnd => {
                self.walk_to(span.start.index())?;
                if span.end.index() > span.start.index() {
                    self.pass(span, Before::Token);
                }
            }
            Event::StreamEnd => self.walk_to(usize::MAX)?,
            Event::Nothing | Event::StreamStart => {}
        }
        Ok(())
    }

    /// Goes past what is told by the event itself.
    fn pass(&mut self, span: Span, before: Before) {
        self.at = self.byte_of(span.end.index());
        (self.index, self.line, self.column) = (span.end.index(), span.end.line(), span.end.col());
        self.before = before;
    }

    /// Returns the byte of a character that was not yet gone past.
    fn byte_of(&self, index: usize) -> usize {
        let skip = index.saturating_sub(self.index);
        self.text[self.at..].char_indices().nth(skip).map_or(self.text.len(), |(at, _)| self.at + at)
    }

    fn refuse<T>(&self, message: &'static str) -> Result<T, Refusal> {
        Err((Marker::new(self.index, self.line, self.column), message))
    }

    /// Goes on to a character and looks at what is between tokens: white space, comments and indicators.
    fn walk_to(&mut self, index: usize) -> Result<(), Refusal> {
        let mut comment = false;
        let mut property = false;
        let mut rest = self.text[self.at..].chars();
        while self.index < index {
            let behind = rest.as_str();
            let Some(c) = rest.next() else { break };
            match c {
                '\n' | '\r' => {
                    (comment, property) = (false, false);
                    self.before = match self.before {
                        Before::Word { .. } => Before::Word { broken: true },
                        before if self.in_flow() => before,
                        _ => Before::Indent,
                    };
                }
                '\t' if !comment => self.tab()?,
                ' ' | '\t' => property = false,
                _ if comment || property => {}
                '#' | '%' => {
                    comment = true;
                    self.before = Before::Token;
                }
                '&' | '!' => {
                    property = true;
                    self.before = Before::Token;
                }
                '-' if !behind.starts_with("---") => self.before = Before::Indent,
                _ => self.before = Before::Token,
            }
            self.at += c.len_utf8();
            self.index += 1;
            (self.line, self.column) =
                if c == '\n' { (self.line + 1, 0) } else { (self.line, self.column + 1) };
        }
        Ok(())
    }

    fn tab(&self) -> Result<(), Refusal> {
        match self.before {
            Before::Word { broken: true } => {
                let indent =
                    self.open.iter().rev().find_map(|open| open.column).map_or(0, |column| column + 1);
                if self.column < indent {
                    return self.refuse("found a tab character that violates indentation");
                }
            }
            Before::Indent if !self.in_flow() => {
                return self.refuse("found a tab character where a value may begin");
            }
            _ => {}
        }
        Ok(())
    }

    /// Looks at the lines without a text at the end of a block.
    fn block_ends_without_tabs(&self, span: Span) -> Result<(), Refusal> {
        let block = &self.text[self.at..self.byte_of(span.end.index())];
        let end = block.trim_end_matches([' ', '\t', '\n', '\r']).len();
        let first = block[..end].matches('\n').count();
        for (number, line) in block[end..].split('\n').enumerate().skip(1) {
            if let Some(column) = line.find('\t').filter(|column| *column < span.start.col()) {
                let line = span.start.line() + first + number;
                let mark = Marker::new(span.start.index(), line, column);
                return Err((mark, TAB_IN_INDENT));
            }
        }
        Ok(())
    }

    /// The event's own text begins with a tag, perhaps behind an anchor: what follows the tag must be white space.
    fn tag_stands_apart(&self) -> Result<(), Refusal> {
        let mut rest = &self.text[self.at..];
        if rest.starts_with('&') {
            rest = rest.trim_start_matches(|c: char| !c.is_ascii_whitespace()).trim_start();
        }
        if !rest.starts_with('!') {
            return Ok(());
        }
        let end = match rest.strip_prefix("!<") {
            Some(verbatim) => verbatim.find('>').map_or(rest.len(), |at| at + "!<>".len()),
            None => {
                rest.find(|c: char| c.is_ascii_whitespace() || "[]{},\"'".contains(c)).unwrap_or(rest.len())
            }
        };
        match rest[end..].chars().next() {
            Some(c) if !c.is_ascii_whitespace() => {
                self.refuse("did not find expected whitespace or line break behind a tag")
            }
            _ => Ok(()),
        }
    }
}

const TAB_IN_INDENT: &str = "found a tab character where an indentation space is expected";

/// Whether the header of a block, at the end of a text, has a digit that says how far the block is indented.
fn says_its_indent(text: &str) -> bool {
    let without_comment = |line: &'_ str| line.find(" #").unwrap_or(line.len());
    let lines = text.lines().rev().map(|line| &line[..without_comment(line)]);
    let header = lines.filter_map(|line| line.rsplit_once(['|', '>'])).map(|(_, header)| header).next();
    header.is_some_and(|header| header.contains(|c: char| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::super::Limits;
    use super::super::Sources;
    use super::super::parse;

    fn reads(text: &str) -> Result<(), String> {
        let mut sources = Sources::default();
        let file = sources.add("c.yaml");
        parse(text, &sources, file, Limits::default()).map(drop).map_err(|error| error.to_string())
    }

    #[test]
    fn tabs_are_refused_where_a_value_may_begin() {
        for (text, place) in [
            ("a: b\n\t\nc: d\n", "2:1"),
            ("a: b\n\t# x\nc: d\n", "2:1"),
            ("a: \"b\"\n  \t\nc: d\n", "2:3"),
            ("a:\n\t\n  b: c\n", "2:1"),
            ("# x\n\t\na: b\n", "2:1"),
            ("a: b\n\t", "2:1"),
            ("a: {b: c}\r\n\t\r\nd: e\n", "2:1"),
            ("a:\n-\tb\n", "2:2"),
            ("a:\n- b\n\t\n- c\n", "3:1"),
            ("a:\n  b: c\n \t\n  d: e\n", "3:2"),
            ("a: &x\n\t\n  b: c\n", "2:1"),
            ("a: |\n  b\n\t\nc: d\n", "3:1"),
            ("a: >- # |2\n  \tb\n  c\n", "2:3"),
        ] {
            let error = reads(text).expect_err(text);
            assert!(
                error.starts_with(&format!("c.yaml:{place}: yaml: found a tab character")),
                "{text}: {error}"
            );
        }
        assert!(reads("a: {\n\tb: c\n\t}\n").is_err());
    }

    #[test]
    fn tabs_are_taken_where_they_set_apart() {
        for text in [
            "a:\tb\t# c\n",
            "a:\t\n  b: c\n",
            "a:\n  b: c\n     \t\n  d: e\n",
            "a: {\n\tb: \"c\",\n\td: [\"e\"\n\t]}\n",
            "a: \"b\n\tc\n\t\n  d\"\n",
            "a: |\n  b\n  \t\n  \tc\n",
            "a: |2-\n  \tb\n  c\n",
            "---\t# x\na\t: b\n",
            "a: b\n  \tc\n",
        ] {
            assert_eq!(reads(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn control_characters_are_refused_everywhere() {
        for (text, place) in
            [("a: é\u{7f}\n", "1:5"), ("a: b\n# \u{1}", "2:3"), ("a: \u{80}", "1:4"), ("a: \u{ffff}", "1:4")]
        {
            let error = reads(text).expect_err(text);
            assert_eq!(error, format!("c.yaml:{place}: yaml: control characters are not allowed"));
        }
        assert_eq!(reads("a: \u{85}\u{2028}\u{fffd}😀\t\r\n"), Ok(()));
    }

    #[test]
    fn question_marks_end_a_word_between_brackets() {
        for text in ["a: [http://x/?y]\n", "a: {b: c?}\n", "a: [?b]\n", "a:\n- {b: [c, d?e]}\n"] {
            assert!(reads(text).is_err(), "{text}");
        }
        for text in ["a: http://x/?y\n", "a: ['?', \"b?\"]\n", "a:\n- b?c\n- [d]\n- e?\n"] {
            assert_eq!(reads(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn tags_stand_apart_from_what_follows() {
        for text in ["a: {b: !!str}\n", "a: [!!str, b]\n", "a: !!str\"b\"\n", "a: &x !!str\"b\"\n"] {
            assert!(reads(text).is_err(), "{text}");
        }
        for text in
            ["a: {b: !!str }\n", "a: !!str\n", "a: !<tag:yaml.org,2002:str> 1\n", "a: &x !!str \"b\"\n"]
        {
            assert_eq!(reads(text), Ok(()), "{text}");
        }
    }
}
