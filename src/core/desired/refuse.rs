//! What Compose can do and Evenkeel does not: each is an error with its place, never dropped.

use std::time::Duration;

use super::PullPolicy;
use super::View;
use super::findings::Findings;

const DAY: Duration = Duration::from_hours(24);

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
/// What Compose refreshes by the age of an image (`daily`, `weekly`, `every_…`) is pulled when a new container has to be
/// made from one that is older: time alone replaces nothing. `refresh` names no age, so that any is too old. An image that
/// could be pulled or built is pulled.
pub(super) fn pull_policy(view: &View<'_>, findings: &mut Findings<'_>) -> PullPolicy {
    let service = view.service;
    let is_built = service.build.is_some() && service.image.is_empty();
    match service.pull_policy.as_str() {
        _ if is_built => PullPolicy::Built,
        "build" if service.build.is_some() => PullPolicy::Built,
        "always" | "refresh" => PullPolicy::Always,
        "daily" => PullPolicy::OlderThan(DAY),
        "weekly" => PullPolicy::OlderThan(DAY * 7),
        "never" => PullPolicy::Never,
        "" | "missing" | "if_not_present" | "build" => PullPolicy::Missing,
        other => {
            if let Some(age) = other.strip_prefix("every_").and_then(duration) {
                return PullPolicy::OlderThan(age);
            }
            let message = format!("`{other}` is no pull policy");
            let hint = "use `always`, `missing`, `never`, `build`, `daily`, `weekly` or `every_<duration>`";
            findings.error("invalid-value", &view.path("pull_policy"), message, hint);
            PullPolicy::Missing
        }
    }
}

/// Reads `1w2d3h4m5s`.
fn duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let unit = match rest.as_bytes()[digits] {
            b'w' => DAY * 7,
            b'd' => DAY,
            b'h' => Duration::from_hours(1),
            b'm' => Duration::from_mins(1),
            b's' => Duration::from_secs(1),
            _ => return None,
        };
        total = total.checked_add(unit.checked_mul(rest[..digits].parse().ok()?)?)?;
        rest = &rest[digits + 1..];
    }
    (!text.is_empty()).then_some(total)
}
