//! Renders the Compose conformance cases and compares what would be created with what the reference created.
//!
//! The cases are not part of this repository. `EVENKEEL_CONFORMANCE` names their folder (else
//! `../shared/conformance` beside the repository); without them the test says so and passes.
//! `EVENKEEL_CONFORMANCE_SHOW` prints the findings of the cases whose name contains it, or of all of that kind
//! (`different`, `not loaded`).

mod conformance;

use std::collections::BTreeMap;
use std::path::PathBuf;

use conformance::Case;
use conformance::Outcome;

/// How many cases must come out exactly as the reference's. Raise it; lower it only for a case that is refused on purpose
/// (docs/adr/0011).
const AT_LEAST: usize = 1272;

#[test]
fn the_create_requests_are_the_references() {
    let Some(cases) = cases("engine.json") else {
        eprintln!("skipped: no conformance cases here");
        return;
    };
    let wanted = std::env::var("EVENKEEL_CONFORMANCE_SHOW").ok();
    let show = |id: &str, kind: &str, text: &str| {
        if wanted.as_ref().is_some_and(|wanted| id.contains(wanted) || kind == wanted) {
            eprintln!("{id}: {kind}\n    {text}");
        }
    };
    let mut counts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for case in &cases {
        let cause = match case.run() {
            Outcome::Same => "same".to_owned(),
            Outcome::NotLoaded(message) => {
                show(&case.id, "not loaded", &message);
                "not loaded".to_owned()
            }
            Outcome::Refused(found) => format!("refused: {}", found.join(", ")),
            Outcome::Different(differences) => {
                show(&case.id, "different", &differences.join("\n    "));
                "different".to_owned()
            }
        };
        counts.entry(cause).or_default().push(case.id.clone());
    }
    for (cause, ids) in &counts {
        let some: Vec<&str> = ids.iter().take(6).map(String::as_str).collect();
        eprintln!("{:5} {cause} ({}{})", ids.len(), some.join(" "), if ids.len() > 6 { " …" } else { "" });
    }
    let same = counts.get("same").map_or(0, Vec::len);
    assert!(same >= AT_LEAST, "{same} of {} cases are as the reference's, expected {AT_LEAST}", cases.len());
    assert!(!counts.contains_key("different"), "what is rendered must be what the reference creates");
}

#[test]
fn what_the_reference_refuses_to_create_is_refused() {
    for case in cases("engine.err").unwrap_or_default() {
        let reason = case.reason();
        // A project without active services is no error here: there is nothing to do.
        let refused = matches!(case.run(), Outcome::Refused(_) | Outcome::NotLoaded(_));
        assert!(refused || reason.contains("no service selected"), "{} must be refused: {reason}", case.id);
    }
}

/// Returns the cases that have the file; `None` if the cases are not here.
fn cases(file: &str) -> Option<Vec<Case>> {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/conformance");
    let root = std::env::var_os("EVENKEEL_CONFORMANCE").map_or_else(beside, PathBuf::from);
    Case::with(file, &root.join("cases")).ok()
}
