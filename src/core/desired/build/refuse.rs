//! What `build` can ask for and the Engine's own builder cannot do. Each is an error with its place, except for what
//! changes nothing about the image.

use std::collections::BTreeMap;

use super::dockerfile::What;
use crate::core::compose::types::Build;
use crate::core::desired::findings::Findings;
use crate::core::diag::Diagnostic;

const BUILDKIT: &str = "that needs BuildKit, and Evenkeel uses the Engine's own builder";

/// Adds a finding for each field that is not supported. `path` is that of the section.
pub(super) fn check(build: &Build, path: &str, findings: &mut Findings<'_>) {
    let several = build.platforms.len() > 1;
    let exported = |cache: &String| cache.contains('=');
    let fields = [
        ("secrets", !build.secrets.is_empty(), "copy what is needed from an image that has it"),
        ("ssh", !build.ssh.is_empty(), "commit what is fetched, or build the image elsewhere"),
        ("additional_contexts", !build.additional_contexts.is_empty(), "use stages, or one larger context"),
        ("cache_to", !build.cache_to.is_empty(), "take it out: the engine keeps its own cache"),
        ("cache_from", build.cache_from.iter().any(exported), "name images that are on the engine"),
        ("entitlements", !build.entitlements.is_empty(), "take them out, or build the image elsewhere"),
        ("privileged", build.privileged, "take it out, or build the image elsewhere"),
        ("platforms", several, "name one platform: the engine runs one"),
    ];
    for (field, _, hint) in fields.into_iter().filter(|(_, used, _)| *used) {
        let message = format!("`build.{field}` is not supported: {BUILDKIT}");
        findings.error("not-supported", &format!("{path}.{field}"), message, hint);
    }
    let asks = |attestation: &String| !attestation.is_empty() && attestation != "false";
    for (field, _) in [("provenance", &build.provenance), ("sbom", &build.sbom)]
        .into_iter()
        .filter(|(_, attestation)| asks(attestation))
    {
        let message = format!("`build.{field}` is ignored: {BUILDKIT}");
        findings.add(Diagnostic::warning("ignored", message).path(format!("{path}.{field}")));
    }
}

/// Returns true for a context that is no folder: a repository or archive to be fetched.
pub(super) fn is_elsewhere(context: &str) -> bool {
    const REMOTE: [&str; 3] = ["github.com/", "git@", "service:"];
    context.contains("://") || REMOTE.iter().any(|prefix| context.starts_with(prefix))
}

/// Returns what to say of something in a Dockerfile; `None` if there is nothing to say.
pub(super) fn finding(what: &What, args: &BTreeMap<String, Option<String>>) -> Option<Diagnostic> {
    let hint = "write it without, or build the image elsewhere and name it with `image`";
    Some(match what {
        What::Flag(flag) => {
            Diagnostic::error("needs-buildkit", format!("`{flag}` is not supported: {BUILDKIT}")).hint(hint)
        }
        What::Heredoc(instruction) => {
            let message = format!("a here-document after `{instruction}` is not supported: {BUILDKIT}");
            Diagnostic::error("needs-buildkit", message).hint("join lines with `\\`, or copy a script")
        }
        What::Syntax(_) => {
            let message = format!("`# syntax=` is ignored: {BUILDKIT}");
            Diagnostic::warning("needs-buildkit", message)
        }
        What::PlatformArg(name) if args.contains_key(name) => return None,
        What::PlatformArg(name) => {
            let message =
                format!("`{name}` is empty: BuildKit sets it, and Evenkeel uses the Engine's own builder");
            Diagnostic::warning("needs-buildkit", message).hint(format!("set `{name}` in `build.args`"))
        }
    })
}
