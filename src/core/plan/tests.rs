//! Plans on literals: desired and observed in, the plan's text out.

mod builds;
mod hooks;
mod images;
mod networks;
mod ports;
mod shared;
mod unfinished;

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use super::*;
use crate::core::desired::Condition;
use crate::core::desired::Dependency;
use crate::core::desired::DesiredContainer;
use crate::core::desired::DesiredNetwork;
use crate::core::desired::DesiredVolume;
use crate::core::desired::PullPolicy;
use crate::core::desired::Settings;
use crate::core::desired::request::ContainerRequest;
use crate::core::desired::request::Endpoint;
use crate::core::desired::request::NetworkRequest;
use crate::core::desired::request::NetworkingConfig;
use crate::core::desired::request::PortBinding;
use crate::core::desired::request::RestartPolicy;
use crate::core::desired::request::VolumeRequest;
use crate::core::model::InstanceId;
use crate::core::model::ProjectName;
use crate::core::model::SourceName;
use crate::core::model::StackName;
use crate::core::observed::Attachment;
use crate::core::observed::ComposeLabels;
use crate::core::observed::Container;
use crate::core::observed::EngineInfo;
use crate::core::observed::Health;
use crate::core::observed::Image;
use crate::core::observed::MountPoint;
use crate::core::observed::Network;
use crate::core::observed::OwnLabels;
use crate::core::observed::PublishedPort;
use crate::core::observed::State;
use crate::core::observed::Volume;

fn owner() -> Owner {
    Owner {
        instance: InstanceId::new("evenkeel").expect("a name"),
        source: SourceName::new("lab").expect("a name"),
        stack: StackName::new("home").expect("a name"),
    }
}

pub(super) fn container(name: &str, state: State) -> Container {
    Container {
        id: format!("id-{name}"),
        name: name.into(),
        image: String::new(),
        image_id: String::new(),
        own: None,
        compose: None,
        state,
        exit_code: 0,
        error: String::new(),
        health: None,
        health_output: String::new(),
        created_at: None,
        started_at: None,
        finished_at: None,
        restart_count: 0,
        restart_policy: RestartPolicy { name: "always".into(), maximum_retry_count: 0 },
        networks: BTreeMap::new(),
        mounts: Vec::new(),
        ports: Vec::new(),
        request: None,
    }
}

/// A world of one stack: its services' definitions by version, what runs, and what the engine has.
pub(super) struct World {
    pub(super) desired: Desired,
    observed: Observed,
    memory: Memory,
}

fn service_name(name: &str) -> ServiceName {
    ServiceName::new(name).expect("a name")
}

impl World {
    pub(super) fn new() -> Self {
        let image = |n: u32| Image {
            id: format!("sha256:{n}"),
            references: vec![format!("app:{n}")],
            tagged_at: None,
        };
        Self {
            desired: Desired {
                owner: owner(),
                revision: Revision::folder(),
                project: ProjectName::new("home").expect("a name"),
                networks: BTreeMap::new(),
                volumes: BTreeMap::new(),
                services: BTreeMap::new(),
                inactive: BTreeSet::new(),
                files: Vec::new(),
                settings: Settings::default(),
            },
            observed: Observed {
                engine: EngineInfo { version: "28".into(), api: (1, 51), is_podman: false },
                images: (1..=3).map(image).collect(),
                ..Observed::default()
            },
            memory: Memory::default(),
        }
    }

    /// Wants a service made from `app:<version>`; the config hash is the version's.
    pub(super) fn want(mut self, name: &str, version: u32) -> Self {
        let restart = RestartPolicy { name: "always".into(), maximum_retry_count: 0 };
        let request = ContainerRequest {
            image: format!("app:{version}"),
            host_config: crate::core::desired::request::HostConfig {
                restart_policy: restart,
                ..Default::default()
            },
            ..ContainerRequest::default()
        };
        let service = DesiredService {
            build: None,
            name: service_name(name),
            image: format!("app:{version}"),
            pull: PullPolicy::Missing,
            not_built: None,
            platform: None,
            depends_on: Vec::new(),
            config_hash: format!("hash-{version}"),
            flavor: crate::core::compose::HashFlavor::V2,
            other_hash: None,
            shared: None,
            digest: String::new(),
            content: BTreeMap::new(),
            stop_grace: std::time::Duration::from_secs(10),
            post_start: Vec::new(),
            pre_stop: Vec::new(),
            containers: vec![DesiredContainer {
                number: 1,
                name: format!("home-{name}-1"),
                request,
                archives: Vec::new(),
            }],
        };
        self.desired.services.insert(service.name.clone(), service);
        self
    }

    pub(super) fn service(&mut self, name: &str) -> &mut DesiredService {
        self.desired.services.get_mut(&service_name(name)).expect("a service of the test")
    }

    fn depends(mut self, name: &str, on: &str, condition: Condition) -> Self {
        let dependency = Dependency { service: service_name(on), condition, required: true, restart: false };
        self.service(name).depends_on.push(dependency);
        self
    }

    fn publishes(mut self, name: &str, port: &str) -> Self {
        let binding = PortBinding { host_ip: String::new(), host_port: port.into() };
        self.service(name).containers[0]
            .request
            .host_config
            .port_bindings
            .insert("80/tcp".into(), vec![binding]);
        self
    }

    /// Lets a container of a service's version stand under a name.
    pub(super) fn stands(mut self, service: &str, version: u32, name: &str, state: State) -> Self {
        let mut found = container(name, state);
        found.image = format!("app:{version}");
        found.image_id = format!("sha256:{version}");
        found.own = Some(OwnLabels { owner: owner(), revision: "folder".into(), digest: String::new() });
        found.compose = Some(ComposeLabels {
            project: "home".into(),
            service: service_name(service),
            number: 1,
            config_hash: format!("hash-{version}"),
            image_id: format!("sha256:{version}"),
            depends_on: Vec::new(),
            version: String::new(),
        });
        self.observed.containers.push(found);
        self
    }

    pub(super) fn found(&mut self, name: &str) -> &mut Container {
        self.observed.containers.iter_mut().find(|c| c.name == name).expect("a container of the test")
    }

    pub(super) fn plan(&self) -> Plan {
        self.plan_with(false)
    }

    fn plan_with(&self, undo: bool) -> Plan {
        let (none, nothing) = (BTreeMap::new(), []);
        let inputs = Inputs {
            desired: &self.desired,
            observed: &self.observed,
            memory: &self.memory,
            stale_files: &nothing,
            pulled: &none,
            undo,
        };
        let first = plan(inputs);
        assert_eq!(first, plan(inputs), "the same inputs must give the same plan");
        for node in &first.nodes {
            let before = node.after.iter().chain(&node.after_any);
            assert!(
                before.clone().all(|id| *id < node.id),
                "node #{} comes before what it waits for",
                node.id
            );
        }
        first
    }
}

#[test]
fn what_is_as_it_should_be_needs_nothing() {
    let plan = World::new().want("web", 1).stands("web", 1, "home-web-1", State::Running).plan();
    assert!(plan.is_empty(), "{}", plan.steps_text());
    assert_eq!(plan.to_text(), "Nothing to do.\n");
}

#[test]
fn a_first_deploy_creates_everything_before_it_starts_anything() {
    let mut world = World::new().want("db", 1).want("web", 2).depends("web", "db", Condition::ServiceHealthy);
    world.desired.networks.insert(
        "default".into(),
        DesiredNetwork {
            name: "home_default".into(),
            create: Some(NetworkRequest { name: "home_default".into(), ..NetworkRequest::default() }),
        },
    );
    world.desired.volumes.insert(
        "data".into(),
        DesiredVolume {
            name: "home_data".into(),
            create: Some(VolumeRequest { name: "home_data".into(), ..VolumeRequest::default() }),
        },
    );
    insta::assert_snapshot!(world.plan().steps_text(), @r"
    [] -> #1 network home_default, CreateNetwork: no such network
    [] -> #2 volume home_data, CreateVolume: no such volume
    [1,2] -> #3 container home-db-1, CreateContainer as home-db-1: no such container
    [1,2] -> #4 container home-web-1, CreateContainer as home-web-1: no such container
    [1,2,3,4] -> #5 container home-db-1, StartContainer: created
    [5] -> #6 container home-db-1, WaitStable: it must prove itself
    [5] -> #7 container home-db-1, WaitHealthy: other services wait for `db`
    [1,2,3,4,7] -> #8 container home-web-1, StartContainer: created
    [8] -> #9 container home-web-1, WaitStable: it must prove itself
    ");
}

#[test]
fn a_changed_image_is_swapped_and_the_old_one_kept_until_all_is_well() {
    let world = World::new().want("web", 2).stands("web", 1, "home-web-1", State::Running);
    insta::assert_snapshot!(world.plan().to_text(), @r"
      -/+ container home-web-1
            image: app:1 → app:2
    Plan: 0 to create, 0 to update, 1 to replace, 0 to remove.
    ");
    insta::assert_snapshot!(world.plan().steps_text(), @r"
    [] -> #1 container home-web-1, CreateContainer as home-web-1--next: replaces the running one
    [1] -> #2 container home-web-1, SetRestartPolicy no: an engine restart must not wake it
    [2] -> #3 container home-web-1, StopContainer: image: app:1 → app:2
    [1,3] -> #4 container home-web-1, StartContainer: replaces the old one
    [4] -> #5 container home-web-1, WaitStable: it must prove itself
    [5] -> #6 container home-web-1, RenameContainer to home-web-1--prev: kept until the whole stack is well
    [6] -> #7 container home-web-1, RenameContainer to home-web-1: proven
    [5,7] -> #8 container home-web-1, RemoveContainer: the whole stack is well
    ");
}

#[test]
fn a_missing_image_is_pulled_before_anything_else() {
    let world = World::new().want("web", 9).stands("web", 1, "home-web-1", State::Running);
    let plan = world.plan();
    assert_eq!(plan.pulls().expect("a pull").nodes.len(), 1);
    assert!(
        plan.to_text().ends_with("1 to replace, 0 to remove; 1 image(s) to pull.\n"),
        "{}",
        plan.to_text()
    );
    assert!(plan.nodes.iter().skip(1).all(|node| !node.after.is_empty()), "{}", plan.steps_text());
}

#[test]
fn what_ran_for_this_definition_runs_again_even_where_its_tag_moved() {
    let mut world = World::new().want("web", 1).stands("web", 2, "home-web-1", State::Running);
    world.observed.images = vec![
        Image { id: "sha256:1".into(), references: Vec::new(), tagged_at: None },
        Image { id: "sha256:moved".into(), references: vec!["app:1".into()], tagged_at: None },
    ];
    world.memory.pins.insert((service_name("web"), "hash-1:".into()), "sha256:1".into());
    let plan = world.plan();
    assert!(plan.pulls().is_none());
    let created = plan.nodes.iter().find_map(|node| match &node.action {
        Action::Call(Call::CreateContainer { request, .. }) => Some(request.image.clone()),
        _ => None,
    });
    assert_eq!(created.as_deref(), Some("sha256:1"));
}

#[test]
fn undoing_a_swap_before_its_names_changed_brings_the_same_container_back() {
    let mut world = World::new().want("web", 1).stands("web", 1, "home-web-1", State::Exited).stands(
        "web",
        2,
        "home-web-1--next",
        State::Running,
    );
    world.found("home-web-1").restart_policy = RestartPolicy::never();
    insta::assert_snapshot!(world.plan_with(true).steps_text(), @r"
    [] -> #1 container home-web-1, RemoveContainer: `home-web-1--next` was left by an unfinished deploy
    [1] -> #2 container home-web-1, SetRestartPolicy always: its restart policy was changed
    [1,2] -> #3 container home-web-1, StartContainer: it is stopped (exit code 0)
    [3] -> #4 container home-web-1, WaitStable: it must prove itself
    ");
}

#[test]
fn undoing_a_swap_after_its_names_changed_takes_the_predecessor_back() {
    let mut world = World::new().want("web", 1).stands("web", 2, "home-web-1", State::Running).stands(
        "web",
        1,
        "home-web-1--prev",
        State::Exited,
    );
    world.found("home-web-1--prev").restart_policy = RestartPolicy::never();
    insta::assert_snapshot!(world.plan_with(true).steps_text(), @r"
    [] -> #1 container home-web-1, SetRestartPolicy no: an engine restart must not wake it
    [1] -> #2 container home-web-1, StopContainer: its predecessor comes back
    [2] -> #3 container home-web-1, RenameContainer to home-web-1--next: it makes room for its predecessor
    [3] -> #4 container home-web-1, RenameContainer to home-web-1: it comes back
    [4] -> #5 container home-web-1, SetRestartPolicy always: as it was
    [5] -> #6 container home-web-1, StartContainer: it comes back
    [6] -> #7 container home-web-1, WaitStable: it must prove itself
    [7] -> #8 container home-web-1, RemoveContainer: the whole stack is well
    ");
}

#[test]
fn after_a_crash_a_swap_goes_on_where_it_was() {
    // Old stopped, next created: start it.
    let plan = World::new()
        .want("web", 2)
        .stands("web", 1, "home-web-1", State::Exited)
        .stands("web", 2, "home-web-1--next", State::Created)
        .plan();
    let names = |plan: &Plan| plan.nodes.iter().map(|node| node.action.name()).collect::<Vec<_>>();
    assert_eq!(
        names(&plan),
        ["StartContainer", "WaitStable", "RenameContainer", "RenameContainer", "RemoveContainer"]
    );
    // Between the two renames.
    let plan = World::new()
        .want("web", 2)
        .stands("web", 2, "home-web-1--next", State::Running)
        .stands("web", 1, "home-web-1--prev", State::Exited)
        .plan();
    assert_eq!(names(&plan), ["WaitStable", "RenameContainer", "RemoveContainer"]);
    // Names changed, the old one not yet removed.
    let plan = World::new()
        .want("web", 2)
        .stands("web", 2, "home-web-1", State::Running)
        .stands("web", 1, "home-web-1--prev", State::Exited)
        .plan();
    assert_eq!(names(&plan), ["WaitStable", "RemoveContainer"]);
    // A successor of a third definition is of no use.
    let plan = World::new()
        .want("web", 3)
        .stands("web", 1, "home-web-1", State::Running)
        .stands("web", 2, "home-web-1--next", State::Created)
        .plan();
    assert_eq!(names(&plan)[..2], ["RemoveContainer", "CreateContainer"]);
}

#[test]
fn a_job_that_ended_well_is_not_run_again_and_a_stopped_service_is_started() {
    let mut world = World::new().want("job", 1).stands("job", 1, "home-job-1", State::Exited);
    world.service("job").containers[0].request.host_config.restart_policy = RestartPolicy::never();
    world.found("home-job-1").restart_policy = RestartPolicy::never();
    assert!(world.plan().is_empty());
    let world = World::new().want("web", 1).stands("web", 1, "home-web-1", State::Exited);
    assert_eq!(world.plan().to_text().lines().nth(1).map(str::trim), Some("it is stopped (exit code 0)"));
}

#[test]
fn what_left_the_files_goes_last_and_dependants_first() {
    let mut world = World::new()
        .want("web", 1)
        .stands("web", 1, "home-web-1", State::Running)
        .stands("db", 1, "home-db-1", State::Running)
        .stands("app", 1, "home-app-1", State::Running);
    world.found("home-app-1").compose.as_mut().expect("labels").depends_on = vec![service_name("db")];
    world.found("home-db-1").mounts.push(MountPoint {
        kind: "volume".into(),
        name: "home_data".into(),
        source: String::new(),
        destination: "/data".into(),
        writable: true,
    });
    let plan = world.plan();
    insta::assert_snapshot!(plan.to_text(), @r"
      -   container home-app-1
            left the files
      -   container home-db-1
            left the files
            volumes are kept: home_data
    Plan: 0 to create, 0 to update, 0 to replace, 2 to remove.
    ");
    let position = |name: &str, object: &str| {
        let wanted = Object::Container(object.into());
        plan.nodes
            .iter()
            .find(|node| node.action.name() == name && node.object == wanted)
            .expect("a step")
            .clone()
    };
    let app_stops = position("StopContainer", "home-app-1").id;
    let policy =
        plan.nodes.iter().find(|n| n.object == Object::Container("home-db-1".into())).expect("a step");
    assert!(policy.after.contains(&app_stops), "{}", plan.steps_text());
    world.desired.settings.prune = false;
    assert!(world.plan().is_empty());
    assert_eq!(world.plan().notes.len(), 2);
}

#[test]
fn services_of_inactive_profiles_are_left_alone() {
    let mut world = World::new().stands("debug", 1, "home-debug-1", State::Running);
    world.desired.inactive.insert(service_name("debug"));
    assert!(world.plan().is_empty());
}

#[test]
fn a_foreign_container_with_our_name_is_refused_with_what_to_do() {
    let mut world = World::new().want("web", 1);
    world.observed.containers.push(container("home-web-1", State::Running));
    let plan = world.plan();
    assert_eq!(plan.refusals[0].code, "name-taken");
    assert!(plan.refusals[0].hint.contains("docker rename"), "{}", plan.to_text());
    assert!(plan.to_text().ends_with("nothing is changed.\n"));
}

#[test]
fn a_service_that_was_renamed_takes_its_port_over() {
    let mut world =
        World::new().want("web2", 2).publishes("web2", "8080").stands("web", 1, "home-web-1", State::Running);
    world.found("home-web-1").ports =
        vec![PublishedPort { ip: String::new(), port: 8080, protocol: "tcp".into() }];
    let plan = world.plan();
    let find = |name: &str| plan.nodes.iter().find(|node| node.action.name() == name).expect("a step");
    assert!(find("StartContainer").after.contains(&find("StopContainer").id), "{}", plan.steps_text());
    assert!(find("RemoveContainer").after.contains(&find("WaitStable").id), "{}", plan.steps_text());
}

#[test]
fn old_engines_get_further_networks_one_by_one_before_the_start() {
    let mut world = World::new().want("web", 1);
    let endpoints = ["back", "front"].map(|name| (name.to_owned(), Endpoint::default()));
    let request = &mut world.service("web").containers[0].request;
    request.host_config.network_mode = "front".into();
    request.networking_config = Some(NetworkingConfig { endpoints_config: endpoints.into() });
    world.observed.engine.api = (1, 41);
    insta::assert_snapshot!(world.plan().steps_text(), @r"
    [] -> #1 container home-web-1, CreateContainer as home-web-1: no such container
    [1] -> #2 container home-web-1, ConnectNetwork: network `back`, which this engine cannot take at create
    [1,2] -> #3 container home-web-1, StartContainer: created
    [3] -> #4 container home-web-1, WaitStable: it must prove itself
    ");
}

#[test]
fn a_container_taken_off_its_network_is_put_back_and_one_on_a_dead_network_is_replaced() {
    let mut world = World::new().want("web", 1).stands("web", 1, "home-web-1", State::Running);
    let endpoints = [("front".to_owned(), Endpoint::default())];
    world.service("web").containers[0].request.networking_config =
        Some(NetworkingConfig { endpoints_config: endpoints.into() });
    world.observed.networks.push(networks::network("n2", "front", None));
    assert_eq!(world.plan().nodes.iter().map(|n| n.action.name()).collect::<Vec<_>>(), ["ConnectNetwork"]);
    let attachment = Attachment { network_id: "n1".into(), aliases: Vec::new() };
    world.found("home-web-1").networks.insert("front".into(), attachment);
    assert_eq!(world.plan().changes[0].verb, Verb::Replace);
}

#[test]
fn anonymous_volumes_stay_with_the_service() {
    let mut world = World::new().want("web", 2).stands("web", 1, "home-web-1", State::Running);
    let name = "ab".repeat(32);
    world.found("home-web-1").mounts.push(MountPoint {
        kind: "volume".into(),
        name: name.clone(),
        source: String::new(),
        destination: "/data".into(),
        writable: true,
    });
    let plan = world.plan();
    let Action::Call(Call::CreateContainer { request, .. }) = &plan.nodes[0].action else {
        panic!("{}", plan.steps_text())
    };
    assert_eq!(request.host_config.mounts[0].source, name);
    assert_eq!(request.host_config.mounts[0].target, "/data");
}

#[test]
fn volumes_and_networks_with_another_definition_are_refused_not_recreated() {
    let hash = |value: &str| {
        BTreeMap::from([(crate::core::desired::label::compose::CONFIG_HASH.to_owned(), value.to_owned())])
    };
    let mut world = World::new();
    world.desired.volumes.insert(
        "data".into(),
        DesiredVolume {
            name: "home_data".into(),
            create: Some(VolumeRequest {
                name: "home_data".into(),
                labels: hash("b"),
                ..VolumeRequest::default()
            }),
        },
    );
    let mut request = VolumeRequest { driver: "local".into(), labels: hash("a"), ..VolumeRequest::default() };
    request.driver_opts = [("o", "password=1"), ("type", "cifs")].map(|(k, v)| (k.into(), v.into())).into();
    world.observed.volumes.push(Volume { name: "home_data".into(), own: None, request: Box::new(request) });
    insta::assert_snapshot!(world.plan().to_text(), @r"
      ! volume-changed: the definition of volume `data` changed (driver_opts.o removed; driver_opts.type removed), and volume `home_data` exists with the old one; a volume is never recreated, because that would lose its data
            hint: take the change back; or give the volume another `name` and copy the data over (`docker run --rm -v home_data:/from:ro -v NEW:/to IMAGE cp -a /from/. /to/`); or stop its users, save the data, and `docker volume rm home_data`
    Refused: 1 reason(s); nothing is changed.
    ");
    world.observed.volumes[0].request.labels.clear();
    assert!(world.plan().is_empty());
}

#[test]
fn a_dependency_that_is_already_healthy_is_not_waited_for() {
    let mut world = World::new()
        .want("db", 1)
        .want("web", 2)
        .depends("web", "db", Condition::ServiceHealthy)
        .stands("db", 1, "home-db-1", State::Running)
        .stands("web", 1, "home-web-1", State::Running);
    world.found("home-db-1").health = Some(Health::Healthy);
    assert!(!world.plan().steps_text().contains("WaitHealthy"));
    world.found("home-db-1").health = Some(Health::Starting);
    let plan = world.plan();
    let wait = plan.nodes.iter().find(|n| n.action.name() == "WaitHealthy").expect("a wait").id;
    let policy = plan.nodes.iter().find(|n| n.action.name() == "SetRestartPolicy").expect("a step");
    assert!(
        policy.after.contains(&wait),
        "the old one runs until its dependency is ready: {}",
        plan.steps_text()
    );
}
