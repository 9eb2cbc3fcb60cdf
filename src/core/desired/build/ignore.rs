//! Which files of a folder are no part of a build's context: `.dockerignore`, as Docker reads it.
//!
//! The rules are those of Docker's own matcher (`moby/patternmatcher`), odd ones included: the last matching line decides,
//! a pattern that matches a folder matches all below it, and `**foo` matches whatever ends in `foo`.

/// The patterns of one file, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Ignored {
    patterns: Vec<Pattern>,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Pattern {
    /// It begins with `!`: what it matches is sent after all.
    is_exception: bool,
    form: Form,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Form {
    /// The very path.
    Exact(String),
    /// Whatever begins so: `foo/**`.
    Prefix(String),
    /// Whatever ends so: `**/foo`.
    Suffix(String),
    Glob(Vec<Token>),
}

/// A piece of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    One(char),
    /// `?`: any one but `/`.
    Any,
    /// `[a-z]`, `[^a]`.
    Class {
        is_negated: bool,
        ranges: Vec<(char, char)>,
    },
    /// `*`: any number of any but `/`.
    Star,
    /// `**` or `**/` before more: any number of folders.
    Folders,
    /// `**` at the end.
    Rest,
}

/// A line that cannot be understood: its number, from 1, and the pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BadPattern {
    pub(super) line: usize,
    pub(super) pattern: String,
}

impl Ignored {
    /// Reads the text of a `.dockerignore`.
    pub(super) fn parse(text: &str) -> Result<Self, BadPattern> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut patterns = Vec::new();
        for (line, written) in (1..).zip(text.lines()) {
            let pattern = written.trim();
            if written.starts_with('#') || pattern.is_empty() {
                continue;
            }
            let (is_exception, path) = match pattern.strip_prefix('!') {
                Some(rest) => (true, rest.trim()),
                None => (false, pattern),
            };
            let bad = || BadPattern { line, pattern: pattern.to_owned() };
            if path.is_empty() {
                return Err(bad());
            }
            let form = form(&clean(path)).ok_or_else(bad)?;
            patterns.push(Pattern { is_exception, form });
        }
        Ok(Self { patterns })
    }

    /// Returns true if the file or folder at this path, relative to the context, is left out.
    pub(super) fn contains(&self, path: &str) -> bool {
        let parents = path.match_indices('/').map(|(at, _)| &path[..at]);
        let above: Vec<&str> = std::iter::once(path).chain(parents).collect();
        let mut is_ignored = false;
        for pattern in &self.patterns {
            // A line that would change nothing need not match.
            if pattern.is_exception == is_ignored && above.iter().any(|path| pattern.matches(path)) {
                is_ignored = !pattern.is_exception;
            }
        }
        is_ignored
    }

    /// Returns true if something in a folder that is left out may be sent after all.
    pub(super) fn has_exceptions(&self) -> bool {
        self.patterns.iter().any(|pattern| pattern.is_exception)
    }
}

impl Pattern {
    fn matches(&self, path: &str) -> bool {
        match &self.form {
            Form::Exact(exact) => path == exact,
            Form::Prefix(prefix) => path.starts_with(prefix.as_str()),
            Form::Suffix(suffix) => path.ends_with(suffix.as_str()) || suffix.strip_prefix('/') == Some(path),
            Form::Glob(tokens) => glob_matches(tokens, path),
        }
    }
}

/// Returns the path without `.`, `..`, doubled and outer slashes, as Go's `filepath.Clean` and Docker write it.
fn clean(path: &str) -> String {
    let is_rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            ".." if is_rooted => {}
            part => parts.push(part),
        }
    }
    match parts.as_slice() {
        [] => if is_rooted { "/" } else { "." }.to_owned(),
        parts => parts.join("/"),
    }
}

/// Reads a pattern; `None` if its brackets or backslashes are left open.
fn form(pattern: &str) -> Option<Form> {
    let tokens = tokens(pattern)?;
    let plain = |tokens: &[Token]| {
        let letter = |token: &Token| match token {
            Token::One(letter) => Some(*letter),
            _ => None,
        };
        let is_escaped = pattern.contains('\\');
        tokens.iter().map(letter).collect::<Option<String>>().filter(|_| !is_escaped)
    };
    Some(match tokens.as_slice() {
        [Token::Rest] => Form::Suffix(String::new()),
        [Token::Folders, rest @ ..] if plain(rest).is_some() => {
            Form::Suffix(pattern.trim_start_matches("**").to_owned())
        }
        [start @ .., Token::Rest] if plain(start).is_some() => {
            Form::Prefix(pattern.trim_end_matches('*').to_owned())
        }
        tokens => match plain(tokens) {
            Some(exact) => Form::Exact(exact),
            None => Form::Glob(tokens.to_vec()),
        },
    })
}

fn tokens(pattern: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut letters = pattern.chars().peekable();
    while let Some(letter) = letters.next() {
        tokens.push(match letter {
            '*' if letters.next_if_eq(&'*').is_some() => {
                let _ = letters.next_if_eq(&'/');
                if letters.peek().is_none() { Token::Rest } else { Token::Folders }
            }
            '*' => Token::Star,
            '?' => Token::Any,
            '\\' => Token::One(letters.next()?),
            '[' => class(&mut letters)?,
            letter => Token::One(letter),
        });
    }
    Some(tokens)
}

fn class(letters: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<Token> {
    let is_negated = letters.next_if_eq(&'^').is_some();
    let mut ranges = Vec::new();
    loop {
        let first = match letters.next()? {
            ']' if !ranges.is_empty() => return Some(Token::Class { is_negated, ranges }),
            ']' => return None,
            '\\' => letters.next()?,
            letter => letter,
        };
        let last = match letters.next_if_eq(&'-') {
            None => first,
            Some(_) => match letters.next()? {
                ']' => return None,
                '\\' => letters.next()?,
                letter => letter,
            },
        };
        ranges.push((first, last));
    }
}

/// Matches in steps of at most the path's length for each token, whatever the pattern.
fn glob_matches(tokens: &[Token], path: &str) -> bool {
    let letters: Vec<char> = path.chars().collect();
    // Whether the tokens so far can match the first so many letters.
    let mut reached = vec![false; letters.len() + 1];
    reached[0] = true;
    for token in tokens {
        let mut next = vec![false; letters.len() + 1];
        let mut any_before = false;
        for at in 0..=letters.len() {
            let last = at.checked_sub(1).map(|before| (before, letters[before]));
            next[at] = match (token, last) {
                (Token::One(one), Some((before, letter))) => reached[before] && letter == *one,
                (Token::Any, Some((before, letter))) => reached[before] && letter != '/',
                (Token::Class { is_negated, ranges }, Some((before, letter))) => {
                    let is_in = ranges.iter().any(|(first, last)| (*first..=*last).contains(&letter));
                    reached[before] && is_in != *is_negated
                }
                (Token::One(_) | Token::Any | Token::Class { .. }, None) => false,
                (Token::Star, last) => {
                    reached[at] || last.is_some_and(|(before, letter)| next[before] && letter != '/')
                }
                (Token::Rest, last) => reached[at] || last.is_some_and(|(before, _)| next[before]),
                (Token::Folders, last) => {
                    reached[at] || last.is_some_and(|(_, letter)| letter == '/' && any_before)
                }
            };
            any_before |= reached[at];
        }
        reached = next;
    }
    reached[letters.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ignored(text: &str, path: &str) -> bool {
        Ignored::parse(text).expect("patterns").contains(path)
    }

    /// Docker's documentation of `.dockerignore`, and the cases of its matcher's own tests.
    #[test]
    fn patterns_mean_what_docker_says() {
        let cases: &[(&str, &[&str], &[&str])] = &[
            ("*/temp*", &["somedir/temporary.txt", "somedir/temp", "a/temp/x"], &["temp", "a/b/temp"]),
            ("*/*/temp*", &["somedir/subdir/temporary.txt"], &["somedir/temp", "a/b/c/temp"]),
            ("temp?", &["tempa", "tempb", "tempa/x"], &["temp", "tempab", "a/tempa"]),
            ("**/*.go", &["a.go", "a/b.go", "a/b/c.go"], &["a.got", "go"]),
            ("*.md", &["README.md"], &["docs/README.md"]),
            ("*", &["a", "a/b", ".hidden"], &[]),
            ("**", &["a", "a/b/c"], &[]),
            ("**/foo", &["foo", "a/foo", "a/b/foo", "foo/x"], &["afoo", "foot"]),
            ("**foo", &["foo", "afoo", "a/xfoo"], &["foot"]),
            ("foo/**", &["foo/a", "foo/a/b"], &["foo", "foot"]),
            ("foo**", &["foo", "foot", "foo/a"], &["afoo"]),
            ("a/**/b", &["a/b", "a/x/b", "a/x/y/b"], &["ab", "a/xb", "x/a/b"]),
            ("**/a/**/b*", &["a/b", "x/a/y/bc"], &["a/xb", "b"]),
            ("/foo/bar/", &["foo/bar", "foo/bar/x"], &["x/foo/bar"]),
            ("./foo//bar/../baz", &["foo/baz"], &["foo/bar"]),
            ("../x", &[], &["x"]),
            ("[a-c]x[^0-9]", &["axb", "cx/"], &["dxb", "ax1"]),
            ("a\\*b", &["a*b"], &["aab", "a\\*b"]),
            ("a.b", &["a.b"], &["axb"]),
            ("(x)+{2}|$^", &["(x)+{2}|$^"], &["xx"]),
            ("node_modules", &["node_modules", "node_modules/a/b"], &["app/node_modules"]),
        ];
        for (pattern, matched, others) in cases {
            for path in *matched {
                assert!(ignored(pattern, path), "{pattern} matches {path}");
            }
            for path in *others {
                assert!(!ignored(pattern, path), "{pattern} does not match {path}");
            }
        }
    }

    #[test]
    fn the_last_line_that_matches_decides() {
        let first = "*.md\n!README*.md\nREADME-secret.md\n";
        assert_eq!(
            ["a.md", "README.md", "README-secret.md"].map(|path| ignored(first, path)),
            [true, false, true]
        );
        let second = "*.md\nREADME-secret.md\n!README*.md\n";
        assert_eq!(["a.md", "README-secret.md"].map(|path| ignored(second, path)), [true, false]);
        assert!(!ignored("!a\n", "a"));
        assert!(ignored("*\n!src/keep\n", "src/other"));
        assert!(!ignored("*\n!src\n", "src/other"));
        assert!(!ignored("*\n! src/keep \n", "src/keep"));
    }

    #[test]
    fn comments_blank_lines_and_a_mark_of_the_encoding_are_no_patterns() {
        let text = "\u{feff}# x\r\n\r\n  a  \r\n#b\n # c\n";
        assert_eq!(["a", "#b", "# c"].map(|path| ignored(text, path)), [true, false, true]);
        assert!(Ignored::parse("").expect("nothing").patterns.is_empty());
    }

    #[test]
    fn what_cannot_be_read_is_told_with_its_line() {
        for pattern in ["[a", "a\\", "!", "[]", "[a-]"] {
            let text = format!("# one\n{pattern}\n");
            let bad = Ignored::parse(&text).expect_err("no pattern");
            assert_eq!(bad, BadPattern { line: 2, pattern: pattern.into() });
        }
    }

    #[test]
    fn a_pattern_made_to_take_long_does_not() {
        let pattern = "**/a*".repeat(200) + "b";
        assert!(!ignored(&pattern, &"a/".repeat(500)));
    }
}
