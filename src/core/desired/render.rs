//! From a project to all that its stack should have on the engine.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use super::Desired;
use super::DesiredService;
use super::Owner;
use super::Settings;
use super::api_socket;
use super::build::Builds;
use super::findings::Findings;
use super::mounted::Reader;
use super::network;
use super::order;
use super::service;
use super::shared;
use super::volume;
use crate::core::compose::HashFlavor;
use crate::core::compose::Project;
use crate::core::compose::types::Dependency;
use crate::core::compose::types::Service;
use crate::core::diag::Diagnostic;
use crate::core::model::ProjectName;
use crate::core::model::Revision;
use crate::core::model::ServiceName;
use crate::core::model::Tree;

/// The Compose version in the labels of new objects, if what runs does not show another.
pub const COMPOSE_VERSION: &str = "2.40.3";

/// What rendering needs to know beside the project and its files.
#[derive(Debug, Clone, PartialEq)]
pub struct Context {
    /// Whose objects they are.
    pub owner: Owner,
    /// The commit that the project was loaded from.
    pub revision: Revision,
    /// The folder that the repository's files appear below, in the tree and, once published, on the host. `None` for
    /// a plain folder, whose files are where they are.
    pub publish_root: Option<String>,
    /// What `x-evenkeel` sets.
    pub settings: Settings,
    /// The Compose version for the labels, such as [`COMPOSE_VERSION`].
    pub compose_version: String,
    /// In which encoding config hashes are made.
    pub flavor: HashFlavor,
    /// The newest API version that the engine speaks.
    pub api: (u32, u32),
}

/// One service in its project.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) project: &'a Project,
    pub(super) context: &'a Context,
    pub(super) tree: &'a dyn Tree,
    pub(super) builds: &'a Builds,
    pub(super) name: &'a str,
    /// As `up` works with it: environment and label files merged in.
    pub(super) service: &'a Service,
    /// The containers that services can refer to by name.
    pub(super) containers: &'a shared::ByName,
}

impl<'a> View<'a> {
    /// Returns the dependencies on services of active profiles. Others were checked to be optional and hold nobody up.
    pub(super) fn dependencies(&self) -> impl Iterator<Item = (&'a String, &'a Dependency)> {
        let active = &self.project.services;
        self.service.depends_on.iter().filter(|(name, _)| active.contains_key(*name))
    }

    /// Returns the path of a field of the service in the document.
    pub(super) fn path(&self, field: &str) -> String {
        format!("services.{}.{field}", self.name)
    }
}

/// Renders a project: the exact create requests of its networks, volumes and containers.
///
/// # Errors
/// Fails with everything that cannot be rendered, sorted by place: what is not supported, what the engine's API lacks,
/// values that only the engine's form shows to be wrong, mounted files that cannot be read, and circles of dependencies.
/// A mounted path that the tree does not have is no error: an app keeps its data there. `builds` is what [`Builds::read`]
/// read of the same project.
pub fn render(
    project: &Project,
    tree: &dyn Tree,
    context: &Context,
    builds: &Builds,
) -> Result<Desired, Vec<Diagnostic>> {
    let mut findings = Findings::new(project);
    let mut reader = Reader::new(project, tree, context);
    let mut services = BTreeMap::new();
    let containers = shared::first_containers(project);
    for name in project.services.keys() {
        let Some(mut service) = project.resolved_service(name) else { continue };
        api_socket::add(&mut service);
        shared::normalise(&mut service);
        let view = View { project, context, tree, builds, name, service: &service, containers: &containers };
        if let Some(service) = service::render(&view, &mut reader, &mut findings) {
            services.insert(service.name.clone(), service);
        }
    }
    let networks = network::networks(project, context, &mut findings);
    check_names(&services, &mut findings);
    shared::check(&services, &mut findings);
    if let Err(circle) = order::order(&services) {
        findings.add(circle.into());
    }
    let name = ProjectName::new(project.name.as_str());
    if let Err(error) = &name {
        findings.error("invalid-name", "name", error.to_string(), "");
    }
    let inactive: BTreeSet<ServiceName> =
        project.disabled.keys().filter_map(|name| ServiceName::new(name.as_str()).ok()).collect();
    match (name, findings.finish()) {
        (Ok(project_name), errors) if errors.is_empty() => Ok(Desired {
            owner: context.owner.clone(),
            revision: context.revision.clone(),
            project: project_name,
            networks,
            volumes: volume::volumes(project, context),
            services,
            inactive,
            files: reader.published(),
            settings: context.settings.clone(),
        }),
        (_, errors) => Err(errors),
    }
}

/// Two containers of one name would replace each other for ever.
fn check_names(services: &BTreeMap<ServiceName, DesiredService>, findings: &mut Findings<'_>) {
    let mut taken: BTreeMap<&str, &ServiceName> = BTreeMap::new();
    for service in services.values() {
        for container in &service.containers {
            if let Some(other) = taken.insert(&container.name, &service.name) {
                let message =
                    format!("container name `{}` is also that of service `{other}`", container.name);
                let path = format!("services.{}.container_name", service.name);
                findings.error("duplicate-container-name", &path, message, "give each service its own name");
            }
        }
    }
}
