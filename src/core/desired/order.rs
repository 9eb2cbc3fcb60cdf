//! The order in which services start: dependencies before dependants, in waves that may run side by side.
//!
//! The same services give the same waves each time. Nothing here looks at what runs.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use super::DesiredService;
use crate::core::diag::Diagnostic;
use crate::core::model::ServiceName;

/// Services that depend on each other in a circle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("dependency cycle detected: {}", .path.iter().map(ServiceName::as_str).collect::<Vec<_>>().join(" -> "))]
pub struct Cycle {
    /// The way round: the first service is also the last.
    pub path: Vec<ServiceName>,
}

impl From<Cycle> for Diagnostic {
    fn from(cycle: Cycle) -> Self {
        let path = cycle.path.first().map(|first| format!("services.{first}.depends_on"));
        Self::error("dependency-cycle", cycle.to_string())
            .path(path.unwrap_or_default())
            .hint("remove one of these dependencies")
    }
}

/// Returns the services in waves: each service comes in the first wave after all that it depends on.
///
/// Dependencies on services that are not in the map (inactive ones that are not required) hold nobody up.
///
/// # Errors
/// Fails if services depend on each other in a circle; the message shows the way round, as Compose writes it.
pub fn order(services: &BTreeMap<ServiceName, DesiredService>) -> Result<Vec<Vec<ServiceName>>, Cycle> {
    let edges = services
        .iter()
        .map(|(name, service)| (name.clone(), service.depends_on.iter().map(|d| d.service.clone()).collect()))
        .collect();
    waves(&edges)
}

/// Returns the waves of a graph that is given as "name, and what it depends on".
///
/// # Errors
/// As [`order`].
pub fn waves(edges: &BTreeMap<ServiceName, BTreeSet<ServiceName>>) -> Result<Vec<Vec<ServiceName>>, Cycle> {
    let mut left: BTreeMap<&ServiceName, BTreeSet<&ServiceName>> = edges
        .iter()
        .map(|(name, on)| (name, on.iter().filter(|on| edges.contains_key(*on)).collect()))
        .collect();
    let mut waves = Vec::new();
    while !left.is_empty() {
        let wave: BTreeSet<&ServiceName> =
            left.iter().filter(|(_, on)| on.is_empty()).map(|(name, _)| *name).collect();
        if wave.is_empty() {
            return Err(cycle(&left));
        }
        left.retain(|name, _| !wave.contains(name));
        for on in left.values_mut() {
            on.retain(|name| !wave.contains(name));
        }
        waves.push(wave.into_iter().cloned().collect());
    }
    Ok(waves)
}

/// Describes one circle of a graph in which everybody waits for somebody: from any start, following the first
/// dependency must come back to where it has been.
fn cycle(left: &BTreeMap<&ServiceName, BTreeSet<&ServiceName>>) -> Cycle {
    let mut path: Vec<&ServiceName> = Vec::new();
    let mut at = left.keys().next().copied();
    while let Some(name) = at {
        if let Some(start) = path.iter().position(|seen| *seen == name) {
            path.drain(..start);
            path.push(name);
            break;
        }
        path.push(name);
        at = left.get(name).and_then(|on| on.iter().next().copied());
    }
    Cycle { path: path.into_iter().cloned().collect() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn graph(edges: &[(&str, &[&str])]) -> BTreeMap<ServiceName, BTreeSet<ServiceName>> {
        let name = |text: &str| ServiceName::new(text).expect("a service name");
        edges.iter().map(|(from, to)| (name(from), to.iter().map(|to| name(to)).collect())).collect()
    }

    fn text(waves: &[Vec<ServiceName>]) -> String {
        let wave =
            |wave: &Vec<ServiceName>| wave.iter().map(ServiceName::as_str).collect::<Vec<_>>().join(" ");
        waves.iter().map(wave).collect::<Vec<_>>().join(" | ")
    }

    #[test]
    fn dependencies_come_first_and_independent_services_share_a_wave() {
        let edges = graph(&[("web", &["db", "cache"]), ("db", &[]), ("cache", &[]), ("job", &["web", "db"])]);
        assert_eq!(text(&waves(&edges).expect("no circle")), "cache db | web | job");
    }

    #[test]
    fn a_dependency_on_an_inactive_service_holds_nobody_up() {
        assert_eq!(text(&waves(&graph(&[("web", &["debug"])])).expect("no circle")), "web");
    }

    #[test]
    fn a_circle_is_shown_as_a_path() {
        let edges = graph(&[("out", &["a"]), ("a", &["b"]), ("b", &["a"]), ("free", &[])]);
        let error = waves(&edges).expect_err("a circle");
        assert_eq!(error.to_string(), "dependency cycle detected: a -> b -> a");
        let own = waves(&graph(&[("a", &["a"])])).expect_err("a circle");
        assert_eq!(own.to_string(), "dependency cycle detected: a -> a");
    }

    proptest! {
        #[test]
        fn each_service_comes_once_and_after_all_it_depends_on(edges in proptest::collection::vec((0usize..12, 0usize..12), 0..40)) {
            let name = |n: usize| ServiceName::new(format!("s{n}")).expect("a service name");
            let mut graph: BTreeMap<ServiceName, BTreeSet<ServiceName>> =
                (0..12).map(|n| (name(n), BTreeSet::new())).collect();
            for (a, b) in edges {
                if a != b {
                    graph.entry(name(a.max(b))).or_default().insert(name(a.min(b)));
                }
            }
            let waves = waves(&graph).expect("edges go down only");
            let mut seen = BTreeSet::new();
            for wave in waves {
                for service in &wave {
                    prop_assert!(graph[service].iter().all(|on| seen.contains(on)));
                }
                for service in wave {
                    prop_assert!(seen.insert(service));
                }
            }
            prop_assert_eq!(seen.len(), 12);
        }
    }
}
