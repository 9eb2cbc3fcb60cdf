//! What the engine says when it is asked.

use std::collections::BTreeMap;

use super::Machine;
use super::Phase;
use super::SimContainer;
use crate::core::desired::label;
use crate::core::desired::request::NetworkingConfig;
use crate::core::desired::request::RestartPolicy;
use crate::core::observed::Attachment;
use crate::core::observed::ComposeLabels;
use crate::core::observed::Container;
use crate::core::observed::Focus;
use crate::core::observed::Health;
use crate::core::observed::Observed;
use crate::core::observed::OwnLabels;
use crate::core::observed::State;
use crate::ports::EngineError;

impl Machine {
    /// Takes a snapshot.
    pub(in crate::sim) fn observe(&self, projects: &[String]) -> Observed {
        let focus = Focus { projects: projects.to_vec(), ..Focus::default() };
        let matters = |labels: &BTreeMap<String, String>, state: &State| {
            labels.contains_key(label::INSTANCE) || focus.is_on(labels, state)
        };
        self.snapshot(matters)
    }

    /// Takes a snapshot for one stack.
    pub(in crate::sim) fn observe_for(&self, focus: &Focus) -> Observed {
        let mut observed = self.snapshot(|labels, state| focus.is_on(labels, state));
        observed.volumes.retain(|volume| focus.volumes.contains(&volume.name));
        observed.images.clear();
        observed
    }

    fn snapshot(&self, matters: impl Fn(&BTreeMap<String, String>, &State) -> bool) -> Observed {
        let look =
            |container: &SimContainer| match matters(&container.request.labels, &state(&container.phase)) {
                true => self.inspected(container),
                false => self.listed(container),
            };
        let mut observed = Observed {
            engine: self.info.clone(),
            containers: self.containers.values().map(look).collect(),
            networks: self.networks.values().cloned().collect(),
            volumes: self.volumes.values().cloned().collect(),
            images: self.images.values().cloned().collect(),
            held_ports: Vec::new(),
            taken_at: None,
        };
        observed.containers.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
        observed.networks.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
        observed
    }

    /// Looks at one container.
    pub(in crate::sim) fn inspect(&self, container: &str) -> Option<Container> {
        let id = self.container_id(container).ok()?;
        self.containers.get(&id).map(|container| self.inspected(container))
    }

    /// Returns the last lines of what a container wrote.
    pub(in crate::sim) fn logs(&self, container: &str, lines: usize) -> Result<Vec<String>, EngineError> {
        let id = self.container_id(container)?;
        let output = self.containers.get(&id).map(|found| found.output.as_slice()).unwrap_or_default();
        Ok(output[output.len().saturating_sub(lines)..].to_vec())
    }

    /// A container that is nobody's business is known by what a listing says.
    fn listed(&self, container: &SimContainer) -> Container {
        let inspected = self.inspected(container);
        Container {
            exit_code: 0,
            error: String::new(),
            health: None,
            health_output: String::new(),
            created_at: None,
            started_at: None,
            finished_at: None,
            restart_count: 0,
            restart_policy: RestartPolicy::default(),
            ports: container.ports.clone(),
            request: None,
            ..inspected
        }
    }

    pub(super) fn timestamp(&self, since_start: std::time::Duration) -> Option<jiff::Timestamp> {
        self.started.checked_add(since_start).ok()
    }

    fn inspected(&self, container: &SimContainer) -> Container {
        let labels = &container.request.labels;
        let mut request = container.request.clone();
        request.host_config.restart_policy = container.policy.clone();
        let ends = container.networks.iter().map(|(name, end)| (name.clone(), end.endpoint.clone()));
        request.networking_config = Some(NetworkingConfig { endpoints_config: ends.collect() });
        Container {
            id: container.id.clone(),
            name: container.name.clone(),
            image: container.request.image.clone(),
            image_id: container.image_id.clone(),
            own: OwnLabels::read(labels),
            compose: ComposeLabels::read(labels),
            state: state(&container.phase),
            exit_code: container.exit_code,
            error: container.error.clone(),
            health: container.health,
            health_output: health_output(container.health),
            created_at: self.timestamp(container.created_at),
            started_at: container.started_at.and_then(|time| self.timestamp(time)),
            finished_at: container.finished_at.and_then(|time| self.timestamp(time)),
            restart_count: container.restart_count,
            restart_policy: container.policy.clone(),
            networks: attachments(container),
            mounts: container.mounts.clone(),
            ports: container.held_and_wanted_ports(),
            request: Some(Box::new(request)),
        }
    }
}

fn state(phase: &Phase) -> State {
    match phase {
        Phase::Created => State::Created,
        Phase::Running => State::Running,
        Phase::Restarting { .. } => State::Restarting,
        Phase::Paused => State::Paused,
        Phase::Exited => State::Exited,
    }
}

fn health_output(health: Option<Health>) -> String {
    match health {
        Some(Health::Unhealthy) => "the check failed".into(),
        _ => String::new(),
    }
}

fn attachments(container: &SimContainer) -> BTreeMap<String, Attachment> {
    let attachment = |(name, end): (&String, &super::SimEndpoint)| {
        let network_id = end.network_id.clone().unwrap_or_default();
        (name.clone(), Attachment { network_id, aliases: end.endpoint.aliases.clone() })
    };
    container.networks.iter().map(attachment).collect()
}
