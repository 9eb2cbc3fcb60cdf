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
}

/// How deep defaults may be nested in each other.
const MAX_DEPTH: usize = 50;

/// Fills a template in. The names of variables that are not set and have no default are added to `unset`.
///
/// # Errors
/// Fails if the template is not one or a required variable has no value.
pub(super) fn substitute(
    text: &str,
    lookup: Lookup<'_>,
    unset: &mut Vec<String>,
) -> Result<String, TemplateError> {
    fill(text, lookup, unset, 0)
}

fn fill(
    text: &str,
    lookup: Lookup<'_>,
    unset: &mut Vec<String>,
    depth: usize,
) -> Result<String, TemplateError> {
    if depth > MAX_DEPTH {
        return Err(TemplateError::TooDeep);
    }
    let invalid = || TemplateError::Invalid(text.to_owned());
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
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
                out.push_str(&plain(name, lookup, unset));
                rest = after;
                continue;
            }
            let operator = Operator::at(after).ok_or_else(invalid)?;
            let line = after.find('\n').unwrap_or(after.len());
            let last = after[..line].rfind('}').ok_or_else(invalid)?;
            let end = closing_brace(rest).map_or(last, |at| at - 1 - name.len()).min(last);
            let argument = after.get(operator.text().len()..end).ok_or_else(invalid)?;
            out.push_str(&operator.apply(name, argument, lookup, unset, depth)?);
            rest = &after[end + 1..];
            continue;
        }
        let name = name_of(rest);
        if name.is_empty() {
            out.push('$');
        } else {
            out.push_str(&plain(name, lookup, unset));
        }
        rest = &rest[name.len()..];
    }
    out.push_str(rest);
    Ok(out)
}

fn name_of(text: &str) -> &str {
    let starts = |c: char| c.is_ascii_alphabetic() || c == '_';
    if !text.starts_with(starts) {
        return "";
    }
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
    &text[..end]
}

fn plain(name: &str, lookup: Lookup<'_>, unset: &mut Vec<String>) -> String {
    lookup(name).unwrap_or_else(|| {
        unset.push(name.to_owned());
        String::new()
    })
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

    fn apply(
        self,
        name: &str,
        argument: &str,
        lookup: Lookup<'_>,
        unset: &mut Vec<String>,
        depth: usize,
    ) -> Result<String, TemplateError> {
        let value = lookup(name);
        let set = value.as_ref().is_some_and(|value| !self.colon || !value.is_empty());
        match self.kind {
            Kind::Default if set => Ok(value.unwrap_or_default()),
            Kind::Default => fill(argument, lookup, unset, depth + 1),
            Kind::Alternative => {
                let argument = fill(argument, lookup, unset, depth + 1)?;
                Ok(if set { argument } else { value.unwrap_or_default() })
            }
            Kind::Required => {
                let reason = fill(argument, lookup, unset, depth + 1)?;
                if set {
                    Ok(value.unwrap_or_default())
                } else {
                    Err(TemplateError::Missing { name: name.to_owned(), reason })
                }
            }
        }
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
