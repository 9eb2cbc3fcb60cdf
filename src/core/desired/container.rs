//! One container's create request.

use std::collections::BTreeMap;
use std::time::Duration;

use super::View;
use super::findings::Findings;
use super::host;
use super::mounts;
use super::network;
use super::request::ContainerRequest;
use super::request::Empty;
use super::request::HealthConfig;
use super::request::HostConfig;
use super::request::Mount;
use super::request::PortBinding;
use super::resources;
use crate::core::compose::types;
use crate::core::compose::types::Service;

/// Returns the request of the service's container of that number and name.
pub(super) fn request(
    view: &View<'_>,
    number: u32,
    name: &str,
    labels: BTreeMap<String, String>,
    files: Vec<Mount>,
    findings: &mut Findings<'_>,
) -> ContainerRequest {
    let service = view.service;
    let links = network::links(view, number);
    let attachment = network::attachment(view, name, &links, findings);
    let mut host = HostConfig {
        network_mode: attachment.mode,
        links,
        port_bindings: bindings(service),
        ..HostConfig::default()
    };
    host::fill(&mut host, view, findings);
    resources::fill(&mut host, service);
    mounts::fill(&mut host, view, files, findings);
    ContainerRequest {
        hostname: service.hostname.clone(),
        domainname: service.domainname.clone(),
        user: service.user.clone(),
        attach_stdout: true,
        attach_stderr: true,
        exposed_ports: exposed(service),
        tty: service.tty,
        open_stdin: service.stdin_open,
        env: environment(&service.environment),
        cmd: service.command.0.clone(),
        entrypoint: service.entrypoint.0.clone(),
        healthcheck: service.healthcheck.as_ref().map(|check| health(view, check, findings)),
        image: image(view),
        working_dir: service.working_dir.clone(),
        network_disabled: service.network_mode == "disabled",
        mac_address: attachment.mac_address,
        labels,
        stop_signal: service.stop_signal.clone(),
        stop_timeout: service.stop_grace_period.map(|grace| grace.0 / 1_000_000_000),
        host_config: host,
        networking_config: attachment.config,
    }
}

/// The image as it is written, or the name that Compose gives to one it builds.
pub(super) fn image(view: &View<'_>) -> String {
    match view.service.image.as_str() {
        "" => format!("{}-{}", view.project.name, view.name),
        image => image.into(),
    }
}

/// How long the engine waits after the stop signal: ten seconds, if the file does not say.
pub(super) fn stop_grace(service: &Service) -> Duration {
    const DEFAULT: Duration = Duration::from_secs(10);
    service.stop_grace_period.map_or(DEFAULT, |grace| Duration::from_nanos(grace.0.try_into().unwrap_or(0)))
}

/// A variable without a value is named alone: the engine then takes it out of the image's environment.
pub(super) fn environment(variables: &BTreeMap<String, Option<String>>) -> Vec<String> {
    let line = |(key, value): (&String, &Option<String>)| match value {
        Some(value) => format!("{key}={value}"),
        None => key.clone(),
    };
    variables.iter().map(line).collect()
}

#[expect(clippy::zero_sized_map_values, reason = "the API's form of a set")]
fn exposed(service: &Service) -> BTreeMap<String, Empty> {
    let published = service.ports.iter().map(port_key);
    service.expose.iter().cloned().chain(published).map(|port| (port, Empty {})).collect()
}

fn bindings(service: &Service) -> BTreeMap<String, Vec<PortBinding>> {
    let mut bindings: BTreeMap<String, Vec<PortBinding>> = BTreeMap::new();
    for port in &service.ports {
        let binding = PortBinding { host_ip: port.host_ip.clone(), host_port: port.published.clone() };
        bindings.entry(port_key(port)).or_default().push(binding);
    }
    bindings
}

fn port_key(port: &types::Port) -> String {
    format!("{}/{}", port.target, port.protocol)
}

fn health(view: &View<'_>, check: &types::Healthcheck, findings: &mut Findings<'_>) -> HealthConfig {
    if check.start_interval.is_some() && check.start_period.is_none() {
        let message = "healthcheck.start_interval requires healthcheck.start_period to be set";
        findings.error(
            "missing-field",
            &view.path("healthcheck.start_interval"),
            message,
            "set both or none",
        );
    }
    let nanos = |duration: Option<types::Duration>| duration.map_or(0, |duration| duration.0);
    HealthConfig {
        test: if check.disable { vec!["NONE".into()] } else { check.test.clone() },
        interval: nanos(check.interval),
        timeout: nanos(check.timeout),
        retries: check.retries.map_or(0, |retries| retries.try_into().unwrap_or(i64::MAX)),
        start_period: nanos(check.start_period),
        start_interval: nanos(check.start_interval),
    }
}
