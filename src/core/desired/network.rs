//! Networks and how containers are attached to them.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;

use super::Context;
use super::DesiredNetwork;
use super::View;
use super::capability;
use super::findings::Findings;
use super::labels;
use super::request::Endpoint;
use super::request::EndpointIpam;
use super::request::Ipam;
use super::request::IpamPool;
use super::request::NetworkRequest;
use super::request::NetworkingConfig;
use crate::core::compose::Project;
use crate::core::compose::types::Network;
use crate::core::compose::types::ServiceNetwork;

/// The driver option by which an interface is named.
const INTERFACE_NAME: &str = "com.docker.network.endpoint.ifname";
/// Since this API version each endpoint has a hardware address of its own.
const MAC_PER_ENDPOINT: (u32, u32) = (1, 44);

/// Returns the project's networks by key.
pub(super) fn networks(
    project: &Project,
    context: &Context,
    findings: &mut Findings<'_>,
) -> BTreeMap<String, DesiredNetwork> {
    let mut networks = BTreeMap::new();
    for (key, network) in &project.networks {
        capability::check_network(context, key, network, findings);
        let create = (!network.external).then(|| create(project, context, key, network));
        networks.insert(key.clone(), DesiredNetwork { name: network.name.clone(), create });
    }
    networks
}

fn create(project: &Project, context: &Context, key: &str, network: &Network) -> NetworkRequest {
    NetworkRequest {
        name: network.name.clone(),
        driver: network.driver.clone(),
        options: network.driver_opts.clone(),
        internal: network.internal,
        attachable: network.attachable,
        ipam: ipam(network),
        enable_ipv4: network.enable_ipv4,
        enable_ipv6: network.enable_ipv6,
        labels: labels::of_network(project, context, key, network),
    }
}

fn ipam(network: &Network) -> Option<Ipam> {
    let ipam = &network.ipam;
    if ipam.driver.is_empty() && ipam.config.is_empty() {
        return None;
    }
    let pools = ipam.config.iter().map(|pool| IpamPool {
        subnet: pool.subnet.clone(),
        ip_range: pool.ip_range.clone(),
        gateway: pool.gateway.clone(),
        auxiliary_addresses: pool.aux_addresses.clone(),
    });
    Some(Ipam { driver: ipam.driver.clone(), config: pools.collect(), options: None })
}

/// How one container is attached.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Attachment {
    /// The `NetworkMode`: a mode, or the name of the network that is attached first.
    pub(super) mode: String,
    /// The endpoints, unless the mode says it all.
    pub(super) config: Option<NetworkingConfig>,
    /// The hardware address for engines that have one a container.
    pub(super) mac_address: String,
}

/// Returns how the service's container of that name is attached.
pub(super) fn attachment(
    view: &View<'_>,
    container: &str,
    links: &[String],
    findings: &mut Findings<'_>,
) -> Attachment {
    let service = view.service;
    let mac_address = if view.context.api < MAC_PER_ENDPOINT { container_mac(view) } else { String::new() };
    if !service.network_mode.is_empty() {
        return Attachment { mode: service.network_mode.clone(), config: None, mac_address };
    }
    let mut primary = None;
    let mut endpoints = BTreeMap::new();
    for (key, network) in service.networks_by_priority() {
        let Some(name) = view.project.networks.get(key).map(|network| network.name.clone()) else { continue };
        let mut endpoint = endpoint(network, &[container, view.name], links);
        check_addresses(view, key, network, findings);
        if primary.is_none() {
            primary = Some(name.clone());
            check_mac(view, key, &endpoint, findings);
            if endpoint.mac_address.is_empty() && view.context.api >= MAC_PER_ENDPOINT {
                endpoint.mac_address.clone_from(&service.mac_address);
            }
        } else if view.context.api < MAC_PER_ENDPOINT && !endpoint.mac_address.is_empty() {
            let path = view.path(&format!("networks.{key}.mac_address"));
            let message = "a hardware address on a network that is not the first needs engine API 1.44";
            findings.error("engine-too-old", &path, message, "update the engine or remove the field");
        }
        endpoints.insert(name, endpoint);
    }
    match primary {
        Some(mode) => {
            Attachment { mode, config: Some(NetworkingConfig { endpoints_config: endpoints }), mac_address }
        }
        None => Attachment { mode: "none".into(), config: None, mac_address },
    }
}

/// The container's one hardware address: its first network's, else the service's.
fn container_mac(view: &View<'_>) -> String {
    let first = view.service.networks_by_priority().first().and_then(|(_, network)| *network);
    match first {
        Some(network) if !network.mac_address.is_empty() => network.mac_address.clone(),
        _ => view.service.mac_address.clone(),
    }
}

/// A fixed address must be in a subnet that the network is given; of an external network it is not known here. Engine 28
/// refuses the container, and 20.10 its start.
fn check_addresses(
    view: &View<'_>,
    key: &str,
    network: Option<&ServiceNetwork>,
    findings: &mut Findings<'_>,
) {
    let (Some(network), Some(definition)) = (network, view.project.networks.get(key)) else { return };
    let is_given = matches!(definition.ipam.driver.as_str(), "" | "default") && !definition.external;
    let subnets = || definition.ipam.config.iter().filter_map(|pool| pool.subnet.parse::<IpNet>().ok());
    for (field, text) in [("ipv4_address", &network.ipv4_address), ("ipv6_address", &network.ipv6_address)] {
        let Some(address) = text.parse::<IpAddr>().ok().filter(|_| is_given) else { continue };
        if subnets().any(|subnet| subnet.contains(&address)) {
            continue;
        }
        let message = match subnets().next() {
            Some(_) => format!("{address} is in no subnet of network `{key}`"),
            None => {
                format!("network `{key}` has no subnet of its own, so that {address} cannot be had on it")
            }
        };
        let hint = format!(
            "give `networks.{key}.ipam.config` a subnet that the address is in, or change the address"
        );
        findings.error(
            "address-outside-network",
            &view.path(&format!("networks.{key}.{field}")),
            message,
            &hint,
        );
    }
}

fn check_mac(view: &View<'_>, key: &str, endpoint: &Endpoint, findings: &mut Findings<'_>) {
    let (ours, its) = (&view.service.mac_address, &endpoint.mac_address);
    if !ours.is_empty() && !its.is_empty() && ours != its {
        let message = format!("the service-level mac_address should have the same value as network {key}");
        findings.error("invalid-value", &view.path("mac_address"), message, "set one of the two");
    }
}

fn endpoint(network: Option<&ServiceNetwork>, names: &[&str], links: &[String]) -> Endpoint {
    let mut aliases: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let Some(network) = network else {
        return Endpoint { aliases, links: links.to_vec(), ..Endpoint::default() };
    };
    aliases.extend(network.aliases.iter().cloned());
    let mut driver_opts = network.driver_opts.clone();
    if !network.interface_name.is_empty() {
        driver_opts.insert(INTERFACE_NAME.into(), network.interface_name.clone());
    }
    Endpoint {
        aliases,
        links: links.to_vec(),
        ip_address: network.ipv4_address.clone(),
        // Compose sends the address under this name too; it is kept so that an inspection shows no difference.
        ipv6_gateway: network.ipv6_address.clone(),
        ipam_config: Some(EndpointIpam {
            ipv4_address: network.ipv4_address.clone(),
            ipv6_address: network.ipv6_address.clone(),
            link_local_ips: network.link_local_ips.clone(),
        }),
        mac_address: network.mac_address.clone(),
        driver_opts,
        gw_priority: network.gw_priority,
    }
}

/// Returns the links of the service's container of that number, in the form `container:alias`.
pub(super) fn links(view: &View<'_>, number: u32) -> Vec<String> {
    let mut links = Vec::new();
    for link in &view.service.links {
        let (target, alias) = link.split_once(':').unwrap_or((link, link));
        let Some(service) = view.project.services.get(target) else { continue };
        for container in super::service::container_names(view.project, target, service) {
            links.push(format!("{container}:{alias}"));
            links.push(format!("{container}:{target}-{number}"));
            links.push(format!("{container}:{}-{target}-{number}", view.project.name));
        }
    }
    let external = view.service.external_links.iter().map(|link| {
        let (container, alias) = link.split_once(':').unwrap_or((link, link));
        format!("{container}:{alias}")
    });
    links.extend(external);
    links
}
