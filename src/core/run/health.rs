//! How a stack does, from what should run and what does.

use super::status::HealthState;
use crate::core::desired::Desired;
use crate::core::observed::Container;
use crate::core::observed::Health;
use crate::core::observed::Observed;
use crate::core::observed::State;

/// Returns how the stack does, and what is not as it should be, container by container.
pub fn health(desired: &Desired, observed: &Observed) -> (HealthState, Vec<String>) {
    let mut worst = HealthState::Healthy;
    let mut problems = Vec::new();
    let mut any = false;
    for wanted in desired.services.values().flat_map(|service| &service.containers) {
        let found = observed.of(&desired.owner).find(|found| found.name == wanted.name);
        any |= found.is_some();
        let one_shot = wanted.request.host_config.restart_policy.is_never();
        let (state, problem) = match found {
            None => (HealthState::Degraded, Some("is not there".to_owned())),
            Some(found) => of_container(found, one_shot),
        };
        problems.extend(problem.map(|problem| format!("{} {problem}", wanted.name)));
        if rank(state) > rank(worst) {
            worst = state;
        }
    }
    if !any && !desired.services.is_empty() {
        return (HealthState::Missing, vec!["nothing of it is there".into()]);
    }
    (worst, problems)
}

fn of_container(found: &Container, one_shot: bool) -> (HealthState, Option<String>) {
    match (&found.state, found.health) {
        (State::Running, Some(Health::Unhealthy)) => (HealthState::Degraded, Some("is unhealthy".into())),
        (State::Running, Some(Health::Starting)) => (HealthState::Progressing, None),
        (State::Running, _) => (HealthState::Healthy, None),
        (State::Exited, _) if one_shot && found.exit_code == 0 => (HealthState::Healthy, None),
        (State::Exited, _) => {
            (HealthState::Degraded, Some(format!("has ended with exit code {}", found.exit_code)))
        }
        (state, _) => (HealthState::Degraded, Some(format!("is {}", state.word()))),
    }
}

fn rank(state: HealthState) -> u8 {
    match state {
        HealthState::Healthy | HealthState::Suspended => 0,
        HealthState::Progressing => 1,
        HealthState::Unknown => 2,
        HealthState::Degraded | HealthState::Missing => 3,
    }
}
