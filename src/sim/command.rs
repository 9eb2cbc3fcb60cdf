//! The few commands that the simulated containers understand: enough for one-shot jobs and health checks in tests.
//! What is not understood is left to the image's behaviour.

use std::time::Duration;

use super::behaviour::Exit;
use super::behaviour::HealthScript;

/// What an understood command does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Program {
    /// How it ends.
    pub(super) exits: Exit,
    /// What it writes.
    pub(super) output: Vec<String>,
}

/// Reads a command line. `file` returns the content of a file in the container, if it is known.
pub(super) fn program(words: &[String], file: &dyn Fn(&str) -> Option<String>) -> Option<Program> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let script = match words.as_slice() {
        ["sh" | "/bin/sh", "-c", script] => (*script).to_owned(),
        words => words.join(" "),
    };
    let mut program = Program { exits: Exit { after: Duration::ZERO, code: 0 }, output: Vec::new() };
    for step in script.split(';') {
        let words: Vec<&str> = step.split_whitespace().collect();
        match words.as_slice() {
            [] | ["true"] => program.exits.code = 0,
            ["false"] => program.exits.code = 1,
            ["sleep", seconds] => {
                program.exits.after += Duration::try_from_secs_f64(seconds.parse().ok()?).ok()?;
            }
            ["echo", text @ ..] => program.output.push(text.join(" ")),
            ["cat", path] => match file(path) {
                Some(content) => program.output.extend(content.lines().map(str::to_owned)),
                None => program.exits.code = 1,
            },
            ["exit", code] => {
                program.exits.code = code.parse().ok()?;
                return Some(program);
            }
            _ => return None,
        }
    }
    Some(program)
}

/// Reads a health check's command.
pub(super) fn health(test: &[String], first_check: Duration) -> Option<HealthScript> {
    let command = match test.split_first() {
        Some((kind, words)) if kind == "CMD" => words.to_vec(),
        Some((kind, words)) if kind == "CMD-SHELL" => vec!["sh".into(), "-c".into(), words.join(" ")],
        _ => return None,
    };
    match program(&command, &|_| None)?.exits.code {
        0 => Some(HealthScript::HealthyAfter(first_check)),
        _ => Some(HealthScript::Never),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &[&str]) -> Vec<String> {
        text.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn small_scripts_are_followed_and_others_left_alone() {
        let file = |path: &str| (path == "/run/x").then(|| "line".to_owned());
        let read = |text: &[&str]| program(&words(text), &file);
        let job = read(&["sh", "-c", "sleep 0.2; cat /run/x; exit 3"]).expect("understood");
        assert_eq!(job.exits, Exit { after: Duration::from_millis(200), code: 3 });
        assert_eq!(job.output, ["line"]);
        assert_eq!(read(&["false"]).expect("understood").exits.code, 1);
        assert_eq!(read(&["httpd", "-f"]), None);
        assert_eq!(read(&["sh", "-c", "a && b"]), None);
    }

    #[test]
    fn a_health_check_passes_at_its_first_look_or_never() {
        let first = Duration::from_secs(1);
        assert_eq!(health(&words(&["CMD", "true"]), first), Some(HealthScript::HealthyAfter(first)));
        assert_eq!(health(&words(&["CMD-SHELL", "exit 1"]), first), Some(HealthScript::Never));
        assert_eq!(health(&words(&["CMD-SHELL", "curl -f localhost"]), first), None);
    }
}
