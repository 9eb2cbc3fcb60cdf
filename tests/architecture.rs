//! Holds the architecture: who may import whom, which library stays in which room, how long a file may be.
//!
//! It reads the sources as text, line by line. That is enough because the style is one import per line, and it is
//! why grouped paths from the crate's root are refused. Test modules may look anywhere, so they are left out of the
//! rules on imports.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// Who may import whom. `*` is everybody. A room that is not here may import nobody, so a new one is put here.
const IMPORTS: &[(&str, &[&str])] = &[
    ("cli", &["*"]),
    ("http", &["controller", "config", "telemetry", "ports", "core"]),
    (
        "controller",
        &[
            "git",
            "docker",
            "sim",
            "apply",
            "publish",
            "store",
            "notify",
            "config",
            "telemetry",
            "ports",
            "core",
        ],
    ),
    ("git", &["ports", "core"]),
    ("docker", &["ports", "core"]),
    ("sim", &["ports", "core"]),
    ("apply", &["ports", "core"]),
    ("publish", &["ports", "core"]),
    ("store", &["ports", "core"]),
    ("notify", &["ports", "core"]),
    ("config", &["core"]),
    ("telemetry", &["ports", "core"]),
    ("ports", &["core"]),
    ("core::policy", &["core::desired", "core::model", "core::diag"]),
    ("core::plan", &["core::desired", "core::observed", "core::model"]),
    ("core::observed", &["core::desired", "core::model"]),
    ("core::desired", &["core::compose", "core::shape", "core::model", "core::diag"]),
    ("core::compose", &["core::yaml", "core::model", "core::diag"]),
    ("core::run", &["core::desired", "core::observed", "core::model", "core::diag"]),
    ("core::schedule", &["core::diag"]),
    ("core::yaml", &["core::model", "core::diag"]),
    ("core::shape", &["core::yaml", "core::diag"]),
];

/// Texts that code may hold in one place only.
const KEPT_IN: &[(&str, &str)] = &[
    ("bollard::", "src/docker/"),
    ("git2::", "src/git/"),
    ("rusqlite::", "src/store/"),
    ("unsafe {", "src/git/init.rs"),
    ("unsafe fn", "src/git/init.rs"),
    ("unsafe impl", "src/git/init.rs"),
];

/// Texts that the core may not hold: it is given values, and gives values back.
const NOT_IN_CORE: &[&str] = &[
    "tokio",
    "reqwest",
    "axum",
    "std::fs",
    "std::env",
    "TcpStream",
    "UdpSocket",
    "ToSocketAddrs",
    "std::process",
    "SystemClock",
    "Timestamp::now",
];

/// The most lines that a file may have, its tests included.
const LINES: usize = 600;

#[test]
fn the_sources_keep_to_the_architecture() {
    let mut found = String::new();
    let mut files = 0;
    walk(Path::new("src"), &mut |path, text| {
        files += 1;
        for violation in violations(path, text) {
            let _ = writeln!(found, "  {violation}");
        }
    });
    assert!(files > 20, "only {files} files found: is the test run from the package's folder?");
    assert!(found.is_empty(), "DESIGN: imports point one way\n{found}");
}

#[test]
fn a_violation_of_each_rule_is_found() {
    let header = "//! A room.\n";
    let cases = [
        ("src/git/mod.rs", "use crate::docker::Engine;", "`git` may not import `docker`"),
        ("src/core/desired/mod.rs", "let x = crate::core::plan::plan();", "may not import `core::plan`"),
        ("src/core/plan/mod.rs", "use crate::ports::Engine;", "`core::plan` may not import `ports`"),
        ("src/core/plan/build/swap.rs", "use super::super::super::run::RunId;", "may not import `core::run`"),
        ("src/store/mod.rs", "use super::git::GitSource;", "`store` may not import `git`"),
        ("src/new/mod.rs", "use crate::core::model::Secret;", "`new` may not import `core::model`"),
        ("src/cli/mod.rs", "use crate::{git, docker};", "one import per line"),
        ("src/apply/mod.rs", "fn f(d: &bollard::Docker) {}", "`bollard::` belongs in src/docker/"),
        ("src/controller/mod.rs", "use git2::Oid;", "`git2::` belongs in src/git/"),
        ("src/notify/mod.rs", "use rusqlite::Connection;", "`rusqlite::` belongs in src/store/"),
        ("src/git/mirror.rs", "unsafe { call() }", "`unsafe {` belongs in src/git/init.rs"),
        ("src/core/run/mod.rs", "std::fs::read(path)", "the core may not know `std::fs`"),
    ];
    for (path, line, expected) in cases {
        let found = violations(Path::new(path), &format!("{header}{line}\n"));
        assert!(found.len() == 1 && found[0].contains(expected), "{path}: {line}: {found:?}");
        assert!(found[0].starts_with(&format!("{path}:2: ")), "{found:?}");
    }
    let long = header.repeat(LINES + 1);
    assert_eq!(violations(Path::new("src/git/mod.rs"), &long), ["src/git/mod.rs: 601 lines, at most 600"]);
    assert_eq!(violations(Path::new("src/git/x.rs"), "use std::fs;\n"), ["src/git/x.rs: no `//!` header"]);
}

#[test]
fn what_is_allowed_is_not_a_violation() {
    let text = "//! [`crate::docker`] is another room.\n\
                use crate::ports::Engine;\nuse crate::git::url;\nuse super::mirror;\n// crate::docker\n\
                #[cfg(test)]\nmod tests {\n    use crate::sim::Sim;\n}\n";
    assert_eq!(violations(Path::new("src/git/source.rs"), text), [""; 0]);
    assert_eq!(violations(Path::new("src/git/tests.rs"), "use crate::docker::Docker;\n"), [""; 0]);
}

fn walk(folder: &Path, look: &mut impl FnMut(&Path, &str)) {
    for entry in fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            walk(&path, look);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            look(&path, &fs::read_to_string(&path).expect("a readable file"));
        }
    }
}

fn violations(path: &Path, text: &str) -> Vec<String> {
    let shown = path.display();
    let mut found = Vec::new();
    let lines = text.lines().count();
    if lines > LINES {
        found.push(format!("{shown}: {lines} lines, at most {LINES}"));
    }
    if is_test(path) {
        return found;
    }
    if !text.starts_with("//!") {
        found.push(format!("{shown}: no `//!` header"));
    }
    for (number, line) in code(text) {
        found.extend(line_violations(path, line).into_iter().map(|what| format!("{shown}:{number}: {what}")));
    }
    found
}

fn is_test(path: &Path) -> bool {
    let name = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    name == "testing" || name.ends_with("tests") || path.components().any(|part| part.as_os_str() == "tests")
}

/// The lines that are no comment, up to the module of tests at the end.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let end = text.find("#[cfg(test)]\nmod tests {").unwrap_or(text.len());
    let lines = text[..end].lines().enumerate().map(|(index, line)| (index + 1, line.trim()));
    lines.filter(|(_, line)| !line.starts_with("//"))
}

fn line_violations(path: &Path, line: &str) -> Vec<String> {
    let mut found = Vec::new();
    let module = module_of(path);
    let room = room_of(&module);
    if ["crate::{", "crate::*", "crate::core::{", "crate::core::*"].iter().any(|group| line.contains(group)) {
        found.push("one import per line, please".into());
    }
    for target in imports(&module, line) {
        if !may_import(&room, &target) {
            found.push(format!("`{room}` may not import `{target}`"));
        }
    }
    for (text, place) in KEPT_IN {
        if holds(line, text) && !path.starts_with(place) {
            found.push(format!("`{text}` belongs in {place}"));
        }
    }
    if room.starts_with("core") {
        let unknown = NOT_IN_CORE.iter().filter(|text| holds(line, text));
        found.extend(unknown.map(|text| format!("the core may not know `{text}`")));
    }
    found
}

/// `src/core/plan/slot.rs` is `core`, `plan`, `slot`.
fn module_of(path: &Path) -> Vec<String> {
    let inside = path.strip_prefix("src").unwrap_or(path).with_extension("");
    let parts = inside.iter().map(|part| part.to_string_lossy().into_owned());
    parts.filter(|part| !["mod", "lib", "main"].contains(&part.as_str())).collect()
}

fn room_of(module: &[String]) -> String {
    let depth = if module.first().is_some_and(|first| first == "core") { 2 } else { 1 };
    module.iter().take(depth).cloned().collect::<Vec<_>>().join("::")
}

/// The rooms that the paths in a line lead to.
fn imports(module: &[String], line: &str) -> Vec<String> {
    let from_root = line.split("crate::").skip(1).map(|rest| path_of(&[], rest));
    let up = line.split_once("super::").map(|(_, rest)| {
        let inner = rest.trim_start_matches("super::");
        let ups = 1 + (rest.len() - inner.len()) / "super::".len();
        path_of(&module[..module.len().saturating_sub(ups)], inner)
    });
    from_root.chain(up).map(|path| room_of(&path)).filter(|room| !room.is_empty()).collect()
}

fn path_of(base: &[String], rest: &str) -> Vec<String> {
    let words = rest.split("::").map(|word| {
        let end = word.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(word.len());
        word[..end].to_owned()
    });
    // Types and functions of the crate's root are not rooms.
    base.iter().cloned().chain(words.take_while(|word| word.starts_with(char::is_lowercase))).collect()
}

fn may_import(room: &str, target: &str) -> bool {
    let is_root = room.is_empty() || room == "core";
    let within = room == target || target == "core";
    let allowed = IMPORTS.iter().find(|(name, _)| *name == room).map_or(&[][..], |(_, allowed)| *allowed);
    is_root
        || within
        || allowed
            .iter()
            .any(|name| *name == "*" || *name == target || target.starts_with(&format!("{name}::")))
}

/// Whether the text is in the line and begins a word there.
fn holds(line: &str, text: &str) -> bool {
    line.match_indices(text).any(|(at, _)| !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_'))
}
