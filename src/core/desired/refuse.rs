//! What Compose can do and Evenkeel does not: each is an error with its place, never dropped.

use super::PullPolicy;
use super::View;
use super::findings::Findings;

/// Adds an error for each field of the service that is not supported.
pub(super) fn check(view: &View<'_>, findings: &mut Findings<'_>) {
    let service = view.service;
    let fields = [
        (
            "provider",
            service.provider.is_some(),
            "a provider is a program on the host of Compose, which Evenkeel does not run",
            "run what it provides as a container, or outside of this project",
        ),
        (
            "models",
            !service.models.is_empty(),
            "models are run by Docker Model Runner, which is no part of the engine",
            "run the model as a service and give its address in `environment`",
        ),
    ];
    for (field, _, why, hint) in fields.into_iter().filter(|(_, used, ..)| *used) {
        let message = format!("`{field}` is not supported: {why}");
        findings.error("not-supported", &view.path(field), message, hint);
    }
}

/// Returns when the service's image is pulled.
///
/// A plan is made for each new definition, not once a day: what Compose refreshes by the age of an image (`refresh`, `daily`,
/// `weekly`, `every_…`) is pulled whenever a new definition needs it. An image that could be pulled or built is pulled.
pub(super) fn pull_policy(view: &View<'_>, findings: &mut Findings<'_>) -> PullPolicy {
    let service = view.service;
    let is_built = service.build.is_some() && service.image.is_empty();
    match service.pull_policy.as_str() {
        _ if is_built => PullPolicy::Built,
        "build" if service.build.is_some() => PullPolicy::Built,
        "always" | "refresh" | "daily" | "weekly" => PullPolicy::Always,
        refresh if refresh.starts_with("every_") => PullPolicy::Always,
        "never" => PullPolicy::Never,
        "" | "missing" | "if_not_present" | "build" => PullPolicy::Missing,
        other => {
            let message = format!("`{other}` is no pull policy");
            let hint = "use `always`, `missing`, `never`, `build`, `daily`, `weekly` or `every_<duration>`";
            findings.error("invalid-value", &view.path("pull_policy"), message, hint);
            PullPolicy::Missing
        }
    }
}
