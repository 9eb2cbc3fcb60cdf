//! Diagnostics as people and forges read them: a snippet with a caret, or an annotation.

use super::Diagnostic;
use super::Severity;

/// Returns a finding as a few lines. With the text of its file, the line it is on is shown with a caret under it.
pub fn snippet(finding: &Diagnostic, source: Option<&str>) -> String {
    let mut out = String::new();
    let word = match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let mut line = |text: std::fmt::Arguments<'_>| {
        out.push_str(&text.to_string());
        out.push('\n');
    };
    line(format_args!("{word}[{}]: {}", finding.code, finding.message));
    let mut gutter = 0;
    if let Some(place) = &finding.place {
        let number = place.line.to_string();
        gutter = number.len();
        line(format_args!("{:gutter$}--> {place}", ""));
        if let Some(text) = source.and_then(|source| source.lines().nth(place.line.saturating_sub(1))) {
            let shown: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
            let before = place.column.saturating_sub(1);
            let carets = "^".repeat(token_length(&shown, before));
            line(format_args!("{:gutter$} |", ""));
            line(format_args!("{number} | {}", shown.trim_end()));
            line(format_args!("{:gutter$} | {:before$}{carets}", "", ""));
        }
    }
    if let Some(hint) = &finding.hint {
        line(format_args!("{:gutter$} = hint: {hint}", ""));
    }
    out
}

/// Returns how many characters the key or value at a column has: up to what ends it in YAML.
fn token_length(line: &str, column: usize) -> usize {
    let rest: Vec<char> = line.chars().skip(column).collect();
    let quoted = rest.first().copied().filter(|c| matches!(c, '"' | '\''));
    if let Some(quote) = quoted {
        return rest.iter().skip(1).position(|c| *c == quote).map_or(rest.len(), |at| at + 2);
    }
    let ends = |at: usize| match rest[at] {
        ':' => rest.get(at + 1).is_none_or(|next| next.is_whitespace()),
        ',' | ']' | '}' => true,
        '#' => at > 0 && rest[at - 1].is_whitespace(),
        _ => false,
    };
    let end = (0..rest.len()).find(|at| ends(*at)).unwrap_or(rest.len());
    rest[..end].iter().collect::<String>().trim_end().chars().count().max(1)
}

/// Returns a finding as a workflow command that a forge's CI shows beside the line.
pub fn annotation(finding: &Diagnostic) -> String {
    let kind = match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let property = |text: &str| escape(text).replace(':', "%3A").replace(',', "%2C");
    let place = finding.place.as_ref().map_or_else(String::new, |place| {
        format!("file={},line={},col={},", property(&place.file), place.line, place.column)
    });
    let hint = finding.hint.as_ref().map_or_else(String::new, |hint| format!(" ({hint})"));
    let message = escape(&format!("{}{hint}", finding.message));
    format!("::{kind} {place}title={}::{message}", property(finding.code))
}

fn escape(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::diag::Place;

    fn finding(line: usize, column: usize) -> Diagnostic {
        Diagnostic::error("unknown-key", "unknown key `imgae`")
            .at(Place { file: "compose.yaml".into(), line, column })
            .hint("did you mean `image`?")
    }

    #[test]
    fn a_snippet_points_at_the_key() {
        let source = "services:\n  web:\n    imgae: nginx\n";
        assert_eq!(
            snippet(&finding(3, 5), Some(source)),
            "error[unknown-key]: unknown key `imgae`
 --> compose.yaml:3:5
  |
3 |     imgae: nginx
  |     ^^^^^
  = hint: did you mean `image`?
"
        );
    }

    #[test]
    fn a_line_that_is_not_there_is_left_out() {
        assert_eq!(
            snippet(&finding(9, 1), Some("a\n")),
            "error[unknown-key]: unknown key `imgae`\n --> compose.yaml:9:1\n  = hint: did you mean `image`?\n"
        );
        assert!(snippet(&finding(1, 90), Some("a\n")).contains('^'));
    }

    #[test]
    fn values_are_underlined_to_their_end() {
        for (line, column, length) in
            [("a: 'b c'", 3, 5), ("a: [b, c]", 4, 1), ("a: b c # d", 3, 3), ("", 0, 1)]
        {
            assert_eq!(token_length(line, column), length, "{line}");
        }
    }

    #[test]
    fn an_annotation_escapes_what_would_end_it() {
        let mut finding = finding(3, 5);
        finding.message = "50%\nmore".into();
        assert_eq!(
            annotation(&finding),
            "::error file=compose.yaml,line=3,col=5,title=unknown-key::50%25%0Amore (did you mean `image`?)"
        );
    }
}
