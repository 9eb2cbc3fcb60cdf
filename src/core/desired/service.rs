//! A service's containers: how many, their names, and what they share.

use super::Condition;
use super::Dependency;
use super::DesiredContainer;
use super::DesiredService;
use super::PullPolicy;
use super::View;
use super::capability;
use super::container;
use super::findings::Findings;
use super::hook;
use super::labels;
use super::mounted;
use super::mounted::Reader;
use super::refuse;
use super::secrets;
use super::shared;
use super::shared::Shared;
use crate::core::compose::Project;
use crate::core::compose::hash_of_service;
use crate::core::compose::types::Service;
use crate::core::model::ServiceName;

/// As many containers as one service may have. A slip of the pen must not fill the host.
const MOST_CONTAINERS: i64 = 1000;

/// Returns the service with its containers; `None` if its name is none, which is among the findings then.
pub(super) fn render(
    view: &View<'_>,
    reader: &mut Reader<'_>,
    findings: &mut Findings<'_>,
) -> Option<DesiredService> {
    if view.service.replicas() > MOST_CONTAINERS {
        let message = format!("{} containers are too many", view.service.replicas());
        findings.error("invalid-value", &view.path("scale"), message, "a service may have 1000");
    }
    refuse::check(view, findings);
    capability::check_service(view, findings);
    let provided = secrets::provided(view, findings);
    let build = view.builds.of(view.service, &container::image(view));
    let mounts = mounted::sources(view);
    let seen = reader.seen(view, &mounts, &provided.archives, build.as_deref(), findings);
    let flavor = view.context.flavor;
    let config_hash = hash_of_service(view.service, flavor);
    let other_hash = hash_of_service(view.service, flavor.other());
    let archives: Vec<_> = provided.archives.into_iter().map(|(_, archive)| archive).collect();
    let mut containers = Vec::new();
    for (number, name) in (1..).zip(container_names(view.project, view.name, view.service)) {
        let labels = labels::of_container(view, number, &config_hash, &seen.digest);
        // What is wrong with a service is wrong with each of its containers: it is told of the first.
        let mut found = Findings::new(view.project);
        let request = container::request(view, number, &name, labels, provided.mounts.clone(), &mut found);
        if number == 1 {
            findings.extend(found);
        }
        containers.push(DesiredContainer { number, name, request, archives: archives.clone() });
    }
    let name = name(view.name, &view.path("name"), findings)?;
    let others = view.containers.iter().filter(|(_, service)| **service != name);
    let others = others.map(|(container, service)| (container.clone(), service.clone())).collect();
    let shared = Shared::of(view.service, view.context.flavor, others);
    let mut depends_on = dependencies(view, findings);
    shared::depend(shared.as_ref(), &mut depends_on);
    Some(DesiredService {
        name,
        image: container::image(view),
        pull: if build.is_some() { PullPolicy::Built } else { refuse::pull_policy(view, findings) },
        build,
        not_built: view.builds.why_not(view.name).cloned(),
        platform: platform(view),
        depends_on,
        flavor,
        other_hash: (other_hash != config_hash).then_some(other_hash),
        config_hash,
        shared,
        digest: seen.digest,
        content: seen.parts,
        stop_grace: container::stop_grace(view.service),
        post_start: hook::hooks(&view.service.post_start),
        pre_stop: hook::hooks(&view.service.pre_stop),
        containers,
    })
}

/// The service's platform, else the one that the environment sets for all.
fn platform(view: &View<'_>) -> Option<String> {
    let by_default = view.project.environment.get("DOCKER_DEFAULT_PLATFORM");
    let platforms = [Some(&view.service.platform), by_default];
    platforms.into_iter().flatten().find(|platform| !platform.is_empty()).cloned()
}

/// Returns the names of a service's containers, by number from 1.
pub(super) fn container_names(project: &Project, name: &str, service: &Service) -> Vec<String> {
    let name = |number| match service.container_name.as_str() {
        "" => format!("{}-{name}-{number}", project.name),
        given => given.to_owned(),
    };
    (1..=service.replicas().min(MOST_CONTAINERS)).map(name).collect()
}

/// Returns a service's name, or nothing and a finding.
pub(super) fn name(text: &str, path: &str, findings: &mut Findings<'_>) -> Option<ServiceName> {
    let checked = ServiceName::new(text);
    checked
        .map_err(|error| findings.error("invalid-name", path, error.to_string(), "rename the service"))
        .ok()
}

fn dependencies(view: &View<'_>, findings: &mut Findings<'_>) -> Vec<Dependency> {
    let mut dependencies = Vec::new();
    for (on, dependency) in view.dependencies() {
        let path = view.path(&format!("depends_on.{on}.condition"));
        let condition = match dependency.condition.as_str() {
            "service_started" | "" => Condition::ServiceStarted,
            "service_healthy" => Condition::ServiceHealthy,
            "service_completed_successfully" => Condition::ServiceCompletedSuccessfully,
            other => {
                let message = format!("`{other}` is no condition of a dependency");
                findings.error("invalid-value", &path, message, "use `service_started` or `service_healthy`");
                continue;
            }
        };
        let Some(service) = name(on, &path, findings) else { continue };
        dependencies.push(Dependency {
            service,
            condition,
            required: dependency.required,
            restart: dependency.restart,
        });
    }
    dependencies
}
