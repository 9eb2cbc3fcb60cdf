//! Processes: how they begin, what happens to them over time, and how they end.

use std::time::Duration;

use super::Machine;
use super::Phase;
use super::SimContainer;
use crate::core::desired::request::RestartPolicy;
use crate::core::model::familiar;
use crate::core::observed::Health;
use crate::ports::EngineError;
use crate::sim::behaviour::Behaviour;
use crate::sim::behaviour::Exit;
use crate::sim::behaviour::HealthScript;
use crate::sim::behaviour::Patience;
use crate::sim::command;

/// The first wait before a restart; it doubles each time.
const FIRST_BACKOFF: Duration = Duration::from_millis(100);

/// The longest wait before a restart.
const LONGEST_BACKOFF: Duration = Duration::from_mins(1);

/// A run of this length makes the next wait short again.
const GOOD_RUN: Duration = Duration::from_secs(10);

/// The exit code that stands for "could not be started".
const NOT_STARTED: i64 = 128;

/// Something that will happen by itself.
enum Due {
    Ends(i64),
    Begins,
    Health(Health),
}

impl Machine {
    /// Lets happen what is due until `now`, in order.
    pub(in crate::sim) fn advance(&mut self, now: Duration) {
        while let Some((time, id, due)) = self.next_due().filter(|(time, ..)| *time <= now) {
            self.now = self.now.max(time);
            match due {
                Due::Ends(code) => self.end_by_itself(&id, code),
                Due::Begins => self.begin_again(&id),
                Due::Health(health) => self.set_health(&id, health),
            }
        }
        self.now = self.now.max(now);
    }

    /// Returns when the next thing happens by itself.
    pub(in crate::sim) fn next_change(&self) -> Option<Duration> {
        self.next_due().map(|(time, ..)| time)
    }

    fn next_due(&self) -> Option<(Duration, String, Due)> {
        let due = self.containers.values().filter_map(|container| {
            let (time, due) = container.next_due()?;
            Some((time, container.id.clone(), due))
        });
        due.min_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)))
    }

    /// Starts a container because somebody asked for it.
    pub(super) fn begin_by_hand(&mut self, id: &str) -> Result<(), EngineError> {
        let container = self.container_mut(id)?;
        container.restart_count = 0;
        container.backoff = Duration::ZERO;
        container.stopped_by_hand = false;
        self.begin(id)
    }

    fn begin(&mut self, id: &str) -> Result<(), EngineError> {
        let container = self.container_mut(id)?.clone();
        let behaviour = self.behaviour_of(&container.request.image);
        let now = self.now;
        if let Err(error) = self.check_joined(&container) {
            return self.fail_start(id, error);
        }
        let networks = match self.resolve_networks(&container) {
            Ok(networks) => networks,
            Err(error) => return self.fail_start(id, error),
        };
        for (name, end) in &mut self.container_mut(id)?.networks {
            end.network_id = networks.get(name).cloned();
        }
        let ports = match self.ports_for(&container) {
            Ok(ports) => ports,
            Err(error) => return self.fail_start(id, error),
        };
        let container = self.container_mut(id)?;
        container.ports = ports;
        container.run(behaviour, now);
        self.tell_of_container(id, "start");
        Ok(())
    }

    fn fail_start(&mut self, id: &str, error: EngineError) -> Result<(), EngineError> {
        self.container_mut(id)?.fail_start(&error.message);
        Err(error)
    }

    /// Ends a process because somebody asked for it. Between two runs there is none: the last exit code stays.
    pub(super) fn end_by_hand(&mut self, id: &str, code: i64) {
        let now = self.now;
        let Some(container) = self.containers.get_mut(id) else { return };
        if container.phase.has_process() {
            container.exit_code = code;
            container.finished_at = Some(now);
        }
        container.phase = Phase::Exited;
        container.stopped_by_hand = true;
        container.ports.clear();
        self.tell_of_container(id, "die");
        self.tell_of_container(id, "stop");
        self.end_those_in(id);
    }

    /// Ends a process that had enough, and lets its restart policy say what comes next.
    pub(super) fn end_by_itself(&mut self, id: &str, code: i64) {
        let now = self.now;
        let Some(container) = self.containers.get_mut(id) else { return };
        container.exit_code = code;
        container.finished_at = Some(now);
        container.ports.clear();
        let ran = container.started_at.map_or(Duration::ZERO, |start| now.saturating_sub(start));
        if restarts(&container.policy, code, container.restart_count) {
            container.restart_count += 1;
            container.backoff = match container.backoff {
                Duration::ZERO => FIRST_BACKOFF,
                _ if ran >= GOOD_RUN => FIRST_BACKOFF,
                backoff => (backoff * 2).min(LONGEST_BACKOFF),
            };
            container.phase = Phase::Restarting { until: now + container.backoff };
        } else {
            container.phase = Phase::Exited;
        }
        self.tell_of_container(id, "die");
        self.end_those_in(id);
    }

    /// Starts a container by its restart policy. If that fails, it is left alone.
    fn begin_again(&mut self, id: &str) {
        if self.begin(id).is_err()
            && let Some(container) = self.containers.get_mut(id)
        {
            container.phase = Phase::Exited;
        }
    }

    /// Stops the engine and starts it again: processes end, and come back by their restart policy.
    pub(in crate::sim) fn restart_engine(&mut self) {
        let now = self.now;
        let ids: Vec<String> = self.containers.keys().cloned().collect();
        for id in &ids {
            let Some(container) = self.containers.get_mut(id) else { continue };
            let was_up = container.phase.counts_as_running();
            if was_up {
                container.phase = Phase::Exited;
                container.exit_code = 137;
                container.finished_at = Some(now);
                container.ports.clear();
            }
            let comes_back = match container.policy.name.as_str() {
                "always" => true,
                "unless-stopped" => !container.stopped_by_hand && (was_up || container.started_at.is_some()),
                "on-failure" => was_up,
                _ => false,
            };
            if comes_back && container.phase == Phase::Exited {
                container.phase = Phase::Restarting { until: self.now };
            }
        }
    }

    fn set_health(&mut self, id: &str, health: Health) {
        let now = self.now;
        let Some(container) = self.containers.get_mut(id) else { return };
        container.health = Some(health);
        container.health_since = now.saturating_sub(container.started_at.unwrap_or(now));
        let word = match health {
            Health::Starting => "starting",
            Health::Healthy => "healthy",
            Health::Unhealthy => "unhealthy",
        };
        self.tell_of_container(id, &format!("health_status: {word}"));
    }

    /// Returns what the containers of an image do. An image that is named `bad` is never healthy.
    pub(super) fn behaviour_of(&self, image: &str) -> Behaviour {
        let names = match self.image_id(image).and_then(|id| self.images.get(&id)) {
            Some(image) => image.references.clone(),
            None => Vec::new(),
        };
        let given = familiar(image);
        let known = std::iter::once(&given).chain(&names).find_map(|name| self.behaviours.get(name));
        match known {
            Some(behaviour) => behaviour.clone(),
            None if given.ends_with(":bad") || given.ends_with("-bad") => Behaviour::never_healthy(),
            None => Behaviour::default(),
        }
    }
}

impl SimContainer {
    /// Begins to run.
    fn run(&mut self, behaviour: Behaviour, now: Duration) {
        self.behaviour = behaviour;
        self.phase = Phase::Running;
        self.exit_code = 0;
        self.error.clear();
        self.started_at = Some(now);
        self.health_since = Duration::ZERO;
        self.health = self.patience().map(|_| Health::Starting);
        let mut words = self.request.entrypoint.clone().unwrap_or_default();
        words.extend(self.request.cmd.clone().unwrap_or_default());
        let content = |path: &str| self.files.get(path).map(|file| file.content.expose().to_owned());
        let program = if words.is_empty() { None } else { command::program(&words, &content) };
        if let Some(program) = program {
            self.behaviour.exits = Some(program.exits);
            self.behaviour.output = program.output;
        }
        self.output.extend(self.behaviour.output.iter().cloned());
    }

    /// Remembers why it could not be started.
    pub(super) fn fail_start(&mut self, why: &str) {
        why.clone_into(&mut self.error);
        if self.exit_code == 0 {
            self.exit_code = NOT_STARTED;
        }
    }

    /// Returns when its health check gives up, if it has one.
    fn patience(&self) -> Option<Patience> {
        match &self.request.healthcheck {
            Some(check) if check.test.first().is_some_and(|kind| kind == "NONE") => None,
            Some(check) if !check.test.is_empty() => Some(Patience::of(check)),
            _ => self.behaviour.checked.then(|| Patience::of_image(self.behaviour.health)),
        }
    }

    fn health_script(&self, patience: Patience) -> HealthScript {
        let check = self.request.healthcheck.as_ref();
        check.and_then(|check| command::health(&check.test, patience.first)).unwrap_or(self.behaviour.health)
    }

    fn next_due(&self) -> Option<(Duration, Due)> {
        match self.phase {
            Phase::Restarting { until } => Some((until, Due::Begins)),
            Phase::Running => {
                let start = self.started_at?;
                let ends = self.behaviour.exits.map(|Exit { after, code }| (start + after, Due::Ends(code)));
                let health = self.next_health(start);
                [ends, health].into_iter().flatten().min_by_key(|(time, _)| *time)
            }
            Phase::Created | Phase::Paused | Phase::Exited => None,
        }
    }

    /// Returns when the health check next says something else than it said last.
    fn next_health(&self, start: Duration) -> Option<(Duration, Due)> {
        let patience = self.patience()?;
        let script = self.health_script(patience);
        let mut elapsed = self.health_since;
        loop {
            let (health, next) = script.at(elapsed, patience);
            if Some(health) != self.health {
                return Some((start + elapsed, Due::Health(health)));
            }
            elapsed = next?;
        }
    }
}

fn restarts(policy: &RestartPolicy, code: i64, restarted: u64) -> bool {
    match policy.name.as_str() {
        "always" | "unless-stopped" => true,
        "on-failure" => {
            let limit = u64::try_from(policy.maximum_retry_count).unwrap_or_default();
            code != 0 && (limit == 0 || restarted < limit)
        }
        _ => false,
    }
}
