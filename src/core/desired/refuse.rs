//! What Compose can do and this version cannot yet: each is an error with its place, never dropped.

use super::PullPolicy;
use super::View;
use super::findings::Findings;

/// Adds an error for each field of the service that is not supported yet.
pub(super) fn check(view: &View<'_>, findings: &mut Findings<'_>) {
    let service = view.service;
    if service.build.is_some() && service.image.is_empty() {
        findings.unsupported(view, "build", "build and push the image, and name it with `image`");
    }
    let fields = [
        ("provider", service.provider.is_some(), "run the provider's service as a container"),
        ("models", !service.models.is_empty(), "run the model as a service"),
        ("use_api_socket", service.use_api_socket, "mount the engine's socket"),
    ];
    for (field, used, hint) in fields {
        if used {
            findings.unsupported(view, field, hint);
        }
    }
}

/// Returns when the service's image is pulled.
pub(super) fn pull_policy(view: &View<'_>, findings: &mut Findings<'_>) -> PullPolicy {
    match view.service.pull_policy.as_str() {
        "always" => PullPolicy::Always,
        "never" => PullPolicy::Never,
        "" | "missing" | "if_not_present" => PullPolicy::Missing,
        other => {
            let path = view.path("pull_policy");
            let message = format!("`pull_policy: {other}` is not supported yet");
            findings.error("not-supported-yet", &path, message, "use `always`, `missing` or `never`");
            PullPolicy::Missing
        }
    }
}
