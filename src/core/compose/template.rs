//! The grammar of `$VARIABLE`, `${VARIABLE}` and the operators in braces.

/// Where a variable's value comes from.
pub(super) type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Why a template cannot be filled in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum TemplateError {
    /// A `${` is not followed by what may follow it. Holds the innermost template.
    #[error("invalid template: {0:?}")]
    Invalid(String),
    /// `${X?why}` and X has no value.
    #[error("required variable {name} is missing a value{}{reason}", if reason.is_empty() { "" } else { ": " })]
    Missing {
        /// The variable.
        name: String,
        /// What the file says about it.
        reason: String,
    },
    /// Defaults are nested too deep.
    #[error("defaults are nested more than {MAX_DEPTH} deep")]
    TooDeep,
    /// The values of variables are too long together.
    #[error("the variables' values have more than {MAX_LENGTH} bytes together")]
    TooLong,
}

/// How deep defaults may be nested in each other.
const MAX_DEPTH: usize = 50;

/// How long the values of all variables of a template may be together, in bytes.
const MAX_LENGTH: usize = 4 << 20;

/// Fills a template in. The names of variables that are not set and have no default are added to `unset`.
///
/// # Errors
/// Fails if the template is not one or a required variable has no value.
pub(super) fn substitute(
    text: &str,
    lookup: Lookup<'_>,
    unset: &mut Vec<String>,
) -> Result<String, TemplateError> {
    Filler { lookup, unset, length: 0 }.fill(text, 0)
}

/// What one template is filled in with.
struct Filler<'a> {
    lookup: Lookup<'a>,
    unset: &'a mut Vec<String>,
    /// How long the values that were looked up are together.
    length: usize,
}

impl Filler<'_> {
    fn fill(&mut self, text: &str, depth: usize) -> Result<String, TemplateError> {
        if depth > MAX_DEPTH {
            return Err(TemplateError::TooDeep);
        }
        let invalid = || TemplateError::Invalid(text.to_owned());
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        let mut line = Line::default();
        while let Some(at) = rest.find('$') {
            out.push_str(&rest[..at]);
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix('$') {
                out.push('$');
                rest = after;
                continue;
            }
            if let Some(braced) = rest.strip_prefix('{') {
                let name = name_of(braced);
                let after = &braced[name.len()..];
                if name.is_empty() {
                    return Err(invalid());
                }
                if let Some(after) = after.strip_prefix('}') {
                    out.push_str(&self.plain(name)?);
                    rest = after;
                    continue;
                }
                let operator = Operator::at(after).ok_or_else(invalid)?;
                let last = line.last_brace(text, text.len() - after.len()).ok_or_else(invalid)?;
                let end = closing_brace(rest).map_or(last, |at| at - 1 - name.len()).min(last);
                let argument = after.get(operator.text().len()..end).ok_or_else(invalid)?;
                out.push_str(&self.apply(operator, name, argument, depth)?);
                rest = &after[end + 1..];
                continue;
            }
            let name = name_of(rest);
            if name.is_empty() {
                out.push('$');
            } else {
                out.push_str(&self.plain(name)?);
            }
            rest = &rest[name.len()..];
        }
        out.push_str(rest);
        Ok(out)
    }

    fn look_up(&mut self, name: &str) -> Result<Option<String>, TemplateError> {
        let value = (self.lookup)(name);
        self.length += value.as_ref().map_or(0, String::len);
        if self.length > MAX_LENGTH { Err(TemplateError::TooLong) } else { Ok(value) }
    }

    fn plain(&mut self, name: &str) -> Result<String, TemplateError> {
        let value = self.look_up(name)?;
        Ok(value.unwrap_or_else(|| {
            self.unset.push(name.to_owned());
            String::new()
        }))
    }

    fn apply(
        &mut self,
        operator: Operator,
        name: &str,
        argument: &str,
        depth: usize,
    ) -> Result<String, TemplateError> {
        let value = self.look_up(name)?;
        let set = value.as_ref().is_some_and(|value| !operator.colon || !value.is_empty());
        // A required variable in an argument is required even where the argument is not used.
        let argument = self.fill(argument, depth + 1)?;
        match operator.kind {
            Kind::Required if !set => Err(TemplateError::Missing { name: name.to_owned(), reason: argument }),
            Kind::Default if !set => Ok(argument),
            Kind::Alternative if set => Ok(argument),
            _ => Ok(value.unwrap_or_default()),
        }
    }
}

/// A line of a text and the last closing brace in it, found once for all templates of the line.
#[derive(Default)]
struct Line {
    end: usize,
    last: Option<usize>,
}

impl Line {
    /// Returns where, seen from `at`, the last closing brace of the line is.
    fn last_brace(&mut self, text: &str, at: usize) -> Option<usize> {
        if at >= self.end {
            self.end = text[at..].find('\n').map_or(text.len(), |end| at + end);
            self.last = text[at..self.end].rfind('}').map(|last| at + last);
        }
        self.last.filter(|last| *last >= at).map(|last| last - at)
    }
}

fn name_of(text: &str) -> &str {
    let starts = |c: char| c.is_ascii_alphabetic() || c == '_';
    if !text.starts_with(starts) {
        return "";
    }
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
    &text[..end]
}

/// Returns where the brace that the text begins with is closed. As in compose-go, the byte after an opening brace is
/// not looked at.
fn closing_brace(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut open = 0usize;
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'}' => {
                open = open.checked_sub(1)?;
                if open == 0 {
                    return Some(at);
                }
            }
            b'{' => {
                open += 1;
                at += 1;
            }
            _ => {}
        }
        at += 1;
    }
    None
}

#[derive(Clone, Copy)]
struct Operator {
    kind: Kind,
    /// Whether an empty value counts as unset.
    colon: bool,
}

#[derive(Clone, Copy)]
enum Kind {
    Default,
    Alternative,
    Required,
}

impl Operator {
    fn at(text: &str) -> Option<Self> {
        let (colon, text) = text.strip_prefix(':').map_or((false, text), |text| (true, text));
        let kind = match text.bytes().next()? {
            b'-' => Kind::Default,
            b'+' => Kind::Alternative,
            b'?' => Kind::Required,
            _ => return None,
        };
        Some(Self { kind, colon })
    }

    fn text(self) -> &'static str {
        if self.colon { ":-" } else { "-" }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Result<String, String> {
        let lookup = |name: &str| match name {
            "A" => Some("a".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        substitute(text, &lookup, &mut Vec::new()).map_err(|error| error.to_string())
    }

    #[test]
    fn templates_are_filled_in() {
        let cases = [
            ("x $A ${A} $$A", "x a a $A"),
            ("${NO:-b}${EMPTY:-c}${EMPTY-d}", "bc"),
            ("${NO:-${NO2:-x}y} ${A}", "xy a"),
            ("${A:+b}${NO:+b}${EMPTY+c}${EMPTY:+d}", "bc"),
            ("${NO:-{}}", "{}"),
            ("${A:?no}${NO:-?}", "a?"),
            ("$A-b ${NO-c:-d}", "a-b c:-d"),
            ("${NO}", ""),
            ("a $ b $1 $(c) $", "a $ b $1 $(c) $"),
        ];
        for (text, result) in cases {
            assert_eq!(read(text).as_deref(), Ok(result), "{text}");
        }
    }

    #[test]
    fn what_is_no_template_is_refused() {
        for text in ["${", "${}", "${1}", "${A!}", "${A:-b", "${A:-x\ny}", "${A :-b}"] {
            assert!(read(text).is_err(), "{text}");
        }
        assert_eq!(read("${NO:?say $A}"), Err("required variable NO is missing a value: say a".into()));
        assert_eq!(read("${NO?}"), Err("required variable NO is missing a value".into()));
    }

    #[test]
    fn unset_variables_are_told() {
        let mut unset = Vec::new();
        assert_eq!(substitute("$X${Y:-}${Z}", &|_| None, &mut unset), Ok(String::new()));
        assert_eq!(unset, ["X", "Z"]);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[${}A:?+-]{0,40}|(\\PC|[${}:\\-\n]){0,40}") {
            drop(read(&text));
        }
    }
}
