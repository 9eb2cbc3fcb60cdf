//! What an engine's API has since when. A field that this engine lacks is an error at plan time, for old engines
//! ignore fields that they do not know.

use super::Context;
use super::View;
use super::findings::Findings;
use crate::core::compose::types::Network;
use crate::core::compose::types::ServiceNetwork;
use crate::core::compose::types::ServiceVolume;

type Api = (u32, u32);

/// Adds an error for each field of the service that the engine's API lacks.
pub(super) fn check_service(view: &View<'_>, findings: &mut Findings<'_>) {
    let service = view.service;
    let mut need = |api: Api, used: bool, field: &str| {
        if used {
            require(view.context, findings, api, &view.path(field), field);
        }
    };
    need((1, 43), !service.annotations.is_empty(), "annotations");
    let start_interval = service.healthcheck.as_ref().is_some_and(|check| check.start_interval.is_some());
    need((1, 44), start_interval, "healthcheck.start_interval");
    for (key, network) in &service.networks {
        let Some(network) = network else { continue };
        for (api, field) in network_fields(network) {
            need(api, true, &format!("networks.{key}.{field}"));
        }
    }
    for (index, volume) in service.volumes.iter().enumerate() {
        for (api, field) in volume_fields(volume) {
            need(api, true, &format!("volumes[{index}]{field}"));
        }
    }
}

/// Adds an error for each field of the network that the engine's API lacks.
pub(super) fn check_network(context: &Context, key: &str, network: &Network, findings: &mut Findings<'_>) {
    if network.enable_ipv4.is_some() {
        require(context, findings, (1, 48), &format!("networks.{key}.enable_ipv4"), "enable_ipv4");
    }
}

fn network_fields(network: &ServiceNetwork) -> impl Iterator<Item = (Api, &'static str)> {
    [
        ((1, 48), "gw_priority", network.gw_priority != 0),
        ((1, 49), "interface_name", !network.interface_name.is_empty()),
    ]
    .into_iter()
    .filter_map(|(api, field, used)| used.then_some((api, field)))
}

/// `create_host_path` is not among them: every bind in the short form has it, and an engine that lacks it refuses the new
/// container if the path is missing.
fn volume_fields(volume: &ServiceVolume) -> impl Iterator<Item = (Api, &'static str)> {
    let bind = volume.bind.as_ref();
    let recursive = bind.map_or("", |bind| bind.recursive.as_str());
    let subpath = volume.volume.as_ref().is_some_and(|options| !options.subpath.is_empty());
    [
        ((1, 44), ".bind.recursive", matches!(recursive, "writable" | "readonly")),
        ((1, 45), ".volume.subpath", subpath),
        ((1, 48), ".type", volume.r#type == "image"),
    ]
    .into_iter()
    .filter_map(|(api, field, used)| used.then_some((api, field)))
}

fn require(context: &Context, findings: &mut Findings<'_>, api: Api, path: &str, field: &str) {
    if context.api >= api {
        return;
    }
    let (have_major, have_minor) = context.api;
    let message = format!(
        "`{field}` needs engine API {}.{} (Docker Engine {}), this engine has {have_major}.{have_minor}",
        api.0,
        api.1,
        engine(api)
    );
    findings.error("engine-too-old", path, message, "update the engine or remove the field");
}

/// Returns the first release of Docker Engine with this API version.
fn engine(api: Api) -> &'static str {
    match api.1 {
        ..=41 => "20.10",
        42 => "23.0",
        43 => "24.0",
        44 => "25.0",
        45 => "26.0",
        46 | 47 => "27.0",
        48 => "28.0",
        _ => "28.1",
    }
}
