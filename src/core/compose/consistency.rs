//! Stage: whether the active services hold together: what they refer to is there, what they say does not clash.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use super::project::Project;
use super::report::Report;
use super::types::Service;
use crate::core::diag::did_you_mean;

/// Checks the project.
pub(super) fn check(project: &Project, report: &mut Report) {
    let mut names: BTreeMap<&str, &str> = BTreeMap::new();
    for (name, service) in &project.services {
        let mut checker = Checker { project, report, name, service };
        checker.image();
        checker.build();
        checker.references();
        checker.health();
        checker.scale();
        checker.resources();
        checker.mounts();
        let own_name = Some(service.container_name.as_str()).filter(|own| !own.is_empty());
        if let Some(other) = own_name.and_then(|own| names.insert(own, name)) {
            let taken = &service.container_name;
            let message =
                format!("services.{name}: container name {taken:?} is already in use by service {other:?}");
            checker.error("container-name", ".container_name", message, None);
        }
    }
    for (key, secret) in &project.secrets {
        if !secret.external && secret.file.is_empty() && secret.environment.is_empty() {
            let message = format!("secret {key:?} must declare either `file` or `environment`");
            at(report, project, "secret-source", &format!("secrets.{key}"), message, None);
        }
    }
    cycles(project, report);
}

fn at(
    report: &mut Report,
    project: &Project,
    code: &'static str,
    path: &str,
    message: String,
    hint: Option<String>,
) {
    let mut error = crate::core::diag::Diagnostic::error(code, message).path(path);
    error.place = project.place(path);
    error.hint = hint;
    report.push(error);
}

struct Checker<'a> {
    project: &'a Project,
    report: &'a mut Report,
    name: &'a str,
    service: &'a Service,
}

impl Checker<'_> {
    fn error(&mut self, code: &'static str, below: &str, message: String, hint: Option<String>) {
        let path = format!("services.{}{below}", self.name);
        at(self.report, self.project, code, &path, message, hint);
    }

    fn image(&mut self) {
        let service = self.service;
        if service.build.is_none() && service.image.is_empty() && service.provider.is_none() {
            let message =
                format!("service {:?} has neither an image nor a build context specified", self.name);
            self.error("no-image", "", message, Some("add `image:`".into()));
        }
    }

    fn build(&mut self) {
        let Some(build) = &self.service.build else { return };
        if !build.dockerfile.is_empty() && !build.dockerfile_inline.is_empty() {
            let message = format!(
                "service {:?} declares mutualy exclusive dockerfile and dockerfile_inline",
                self.name
            );
            self.error("conflict", ".build", message, None);
        }
        for (key, context) in &build.additional_contexts {
            let Some(target) = context.strip_prefix("service:") else { continue };
            let problem = match self.project.services.get(target) {
                None => "unknown",
                Some(target) if target.build.is_none() => "non-buildable",
                Some(_) => continue,
            };
            let message = format!(
                "service {:?} declares {problem} service {target:?} as additional contexts {key}",
                self.name
            );
            self.error("undefined-service", ".build.additional_contexts", message, None);
        }
        let platform = &self.service.platform;
        if !build.platforms.is_empty() && !platform.is_empty() && !build.platforms.contains(platform) {
            let message = format!("service.build.platforms MUST include service.platform {platform:?}");
            self.error("platform", ".build.platforms", message, None);
        }
        for secret in &build.secrets {
            self.defined("build secret", &secret.source, ".build.secrets", &self.project.secrets);
        }
    }

    fn defined<T>(&mut self, kind: &str, key: &str, below: &str, known: &BTreeMap<String, T>) {
        if known.contains_key(key) {
            return;
        }
        let hint = did_you_mean(key, known.keys().map(String::as_str)).map_or_else(
            || format!("declare it under the top-level `{}s:`", kind.trim_start_matches("build ")),
            |meant| format!("did you mean `{meant}`?"),
        );
        let message = format!("service {:?} refers to undefined {kind} {key}", self.name);
        self.error("undefined", below, message, Some(hint));
    }

    fn references(&mut self) {
        let (service, project) = (self.service, self.project);
        if !service.network_mode.is_empty() && !service.networks.is_empty() {
            let message =
                format!("service {} declares mutually exclusive `network_mode` and `networks`", self.name);
            self.error("conflict", ".network_mode", message, Some("remove one of the two".into()));
        }
        for key in service.networks.keys() {
            if key.starts_with("x-") {
                let message = format!("service {:?} refers to undefined network {key}", self.name);
                let hint = "a key that begins with x- is an extension, not a network".to_owned();
                self.error("undefined", &format!(".networks.{key}"), message, Some(hint));
            }
            self.defined("network", key, &format!(".networks.{key}"), &project.networks);
        }
        for (index, volume) in service.volumes.iter().enumerate() {
            if volume.r#type == "volume" && !volume.source.is_empty() {
                self.defined("volume", &volume.source, &format!(".volumes[{index}]"), &project.volumes);
            }
        }
        for (index, config) in service.configs.iter().enumerate() {
            self.defined("config", &config.source, &format!(".configs[{index}]"), &project.configs);
        }
        for (index, secret) in service.secrets.iter().enumerate() {
            self.defined("secret", &secret.source, &format!(".secrets[{index}]"), &project.secrets);
        }
        for key in service.models.keys() {
            self.defined("model", key, ".models", &project.models);
        }
        for (target, dependency) in &service.depends_on {
            let disabled = project.disabled.contains_key(target);
            if project.services.contains_key(target) || (disabled && !dependency.required) {
                continue;
            }
            let hint = if disabled {
                let profiles =
                    project.disabled.get(target).map(|s| s.profiles.join(", ")).unwrap_or_default();
                Some(format!("it is only in the profiles {profiles}: activate one, or say `required: false`"))
            } else {
                did_you_mean(target, project.services.keys().map(String::as_str))
                    .map(|meant| format!("did you mean `{meant}`?"))
            };
            let message = format!("service {:?} depends on undefined service {target:?}", self.name);
            self.error("undefined-service", &format!(".depends_on.{target}"), message, hint);
        }
        if let Some(target) = service.network_mode.strip_prefix("service:")
            && !project.services.contains_key(target)
        {
            let message = format!("service {target:?} not found for network_mode 'service:{target}'");
            self.error("undefined-service", ".network_mode", message, None);
        }
    }

    fn health(&mut self) {
        let test = self.service.healthcheck.as_ref().map(|check| check.test.as_slice()).unwrap_or_default();
        if test.first().is_some_and(|first| !matches!(first.as_str(), "CMD" | "CMD-SHELL" | "NONE")) {
            let message = r#"healthcheck.test must start either by "CMD", "CMD-SHELL" or "NONE""#.to_owned();
            let hint = r#"write ["CMD", "program", …], or one text for a shell"#.to_owned();
            self.error("healthcheck-test", ".healthcheck.test", message, Some(hint));
        }
    }

    fn scale(&mut self) {
        let service = self.service;
        let replicas = service.deploy.as_ref().and_then(|deploy| deploy.replicas);
        if let (Some(scale), Some(replicas)) = (service.scale, replicas)
            && scale != replicas
        {
            let message =
                format!("services.{}: can't set distinct values on 'scale' and 'deploy.replicas'", self.name);
            self.error("conflict", ".scale", message, None);
        }
        for (value, key) in [(service.scale, "scale"), (replicas, "deploy.replicas")] {
            if value.is_some_and(|value| value < 0) {
                let message = format!("services.{}.{key}: must be greater than or equal to 0", self.name);
                self.error("range", &format!(".{key}"), message, None);
            }
        }
        if service.replicas() > 1 && !service.container_name.is_empty() {
            let key = if service.scale.is_some() { "scale" } else { "deploy.replicas" };
            let message = format!(
                "services.{}: can't set container_name and {key} as container name must be unique",
                self.name
            );
            self.error("container-name", ".container_name", message, None);
        }
        let watch = service.develop.as_ref().map(|develop| develop.watch.as_slice()).unwrap_or_default();
        if watch
            .iter()
            .any(|rule| rule.target.is_empty() && !matches!(rule.action.as_str(), "rebuild" | "restart"))
        {
            let message =
                format!("services.{}.develop.watch: target is required for non-rebuild actions", self.name);
            self.error("missing-key", ".develop.watch", message, None);
        }
    }

    /// The old keys and `deploy.resources` must say the same. A section that is there without the key says 0.
    fn resources(&mut self) {
        let service = self.service;
        let Some(deploy) = &service.deploy else { return };
        let (limits, reservations) = (&deploy.resources.limits, &deploy.resources.reservations);
        let differs = [
            (
                service.cpus != 0.0
                    && limits.as_ref().is_some_and(|l| l.cpus.to_bits() != service.cpus.to_bits()),
                "cpus",
                "limits.cpus",
            ),
            (
                service.mem_limit.0 != 0 && limits.as_ref().is_some_and(|l| l.memory != service.mem_limit),
                "mem_limit",
                "limits.memory",
            ),
            (
                service.mem_reservation.0 != 0
                    && reservations.as_ref().is_some_and(|r| r.memory != service.mem_reservation),
                "mem_reservation",
                "reservations.memory",
            ),
            (
                service.pids_limit != 0 && limits.as_ref().is_some_and(|l| l.pids != service.pids_limit),
                "pids_limit",
                "limits.pids",
            ),
        ];
        for (_, old, new) in differs.iter().filter(|(differs, ..)| *differs) {
            let message = format!(
                "services.{}: can't set distinct values on '{old}' and 'deploy.resources.{new}'",
                self.name
            );
            self.error(
                "conflict",
                &format!(".{old}"),
                message,
                Some(format!("keep `deploy.resources.{new}`")),
            );
        }
    }

    fn mounts(&mut self) {
        let mut targets: BTreeMap<&str, String> = BTreeMap::new();
        let tmpfs =
            self.service.tmpfs.iter().enumerate().map(|(index, mount)| {
                (mount.split(':').next().unwrap_or_default(), format!(".tmpfs[{index}]"))
            });
        let volumes = self
            .service
            .volumes
            .iter()
            .enumerate()
            .map(|(i, mount)| (mount.target.as_str(), format!(".volumes[{i}]")));
        for (target, below) in tmpfs.chain(volumes) {
            if let Some(other) = targets.insert(target, below.clone()) {
                let name = self.name;
                let message = format!(
                    "services.{name}{below}: target {target} already mounted as services.{name}{other}"
                );
                self.error("double-mount", &below, message, None);
            }
        }
    }
}

/// Refuses dependencies that go in a circle, naming the circle.
fn cycles(project: &Project, report: &mut Report) {
    let mut done: BTreeSet<&str> = BTreeSet::new();
    for start in project.services.keys() {
        if let Some(circle) = circle_from(project, start, &mut done) {
            let first = circle.first().copied().unwrap_or_default();
            let message = format!("dependency cycle detected: {}", circle.join(" -> "));
            at(report, project, "dependency-cycle", &format!("services.{first}.depends_on"), message, None);
            return;
        }
    }
}

/// Walks the dependencies of a service in depth; `done` has the services that are known to lead to no circle.
fn circle_from<'p>(
    project: &'p Project,
    start: &'p str,
    done: &mut BTreeSet<&'p str>,
) -> Option<Vec<&'p str>> {
    let targets =
        |name: &str| project.services.get(name).into_iter().flat_map(|service| service.depends_on.keys());
    let mut trail: Vec<(&str, Vec<&str>)> = Vec::new();
    let mut on_trail: BTreeSet<&str> = BTreeSet::new();
    let mut next = Some(start);
    loop {
        if let Some(name) = next.take().filter(|name| !done.contains(name)) {
            if !on_trail.insert(name) {
                let steps = trail.iter().map(|(step, _)| *step).skip_while(|step| *step != name);
                return Some(steps.chain([name]).collect());
            }
            trail.push((name, targets(name).map(String::as_str).rev().collect()));
        }
        let (name, open) = trail.last_mut()?;
        next = open.pop();
        if next.is_none() {
            on_trail.remove(*name);
            done.insert(*name);
            trail.pop();
        }
    }
}
