//! What a container may use: CPU, memory, processes, devices, block devices.

use std::collections::BTreeMap;

use super::request::Device;
use super::request::DeviceRequest;
use super::request::HostConfig;
use super::request::ThrottleDevice;
use super::request::Ulimit;
use super::request::WeightDevice;
use crate::core::compose::types;
use crate::core::compose::types::Service;

/// Sets the resources of a container, as the deploy section's limits and reservations override them.
pub(super) fn fill(host: &mut HostConfig, service: &Service) {
    cpu_and_memory(host, service);
    devices(host, service);
    if let Some(blkio) = &service.blkio_config {
        block_devices(host, blkio);
    }
    host.ulimits = ulimits(&service.ulimits);
}

/// Returns limits as the engine has them.
pub(super) fn ulimits(limits: &BTreeMap<String, types::Ulimit>) -> Vec<Ulimit> {
    let limit = |(name, limit): (&String, &types::Ulimit)| Ulimit {
        name: name.clone(),
        soft: if limit.soft == 0 { limit.single } else { limit.soft },
        hard: if limit.hard == 0 { limit.single } else { limit.hard },
    };
    limits.iter().map(limit).collect()
}

fn cpu_and_memory(host: &mut HostConfig, service: &Service) {
    host.cgroup_parent.clone_from(&service.cgroup_parent);
    host.memory = service.mem_limit.0;
    host.memory_reservation = service.mem_reservation.0;
    host.memory_swap = service.memswap_limit.0;
    host.memory_swappiness = (service.mem_swappiness.0 != 0).then_some(service.mem_swappiness.0);
    host.oom_kill_disable = service.oom_kill_disable;
    host.oom_score_adj = service.oom_score_adj;
    host.nano_cpus = nano(service.cpus);
    host.cpu_count = service.cpu_count;
    host.cpu_percent = whole(service.cpu_percent * 100.0);
    host.cpu_period = service.cpu_period;
    host.cpu_quota = service.cpu_quota;
    host.cpu_realtime_period = service.cpu_rt_period;
    host.cpu_realtime_runtime = service.cpu_rt_runtime;
    host.cpu_shares = service.cpu_shares;
    host.cpuset_cpus.clone_from(&service.cpuset);
    host.pids_limit = (service.pids_limit != 0).then_some(service.pids_limit);
    host.shm_size = service.shm_size.0;
    host.device_cgroup_rules.clone_from(&service.device_cgroup_rules);
    let Some(deploy) = &service.deploy else { return };
    if let Some(limits) = &deploy.resources.limits {
        if limits.memory.0 != 0 {
            host.memory = limits.memory.0;
        }
        if limits.cpus != 0.0 {
            host.nano_cpus = nano(limits.cpus);
        }
        if limits.pids > 0 {
            host.pids_limit = Some(limits.pids);
        }
    }
    if let Some(reservations) = &deploy.resources.reservations
        && reservations.memory.0 != 0
    {
        host.memory_reservation = reservations.memory.0;
    }
}

/// Billionths of a CPU. The product is a 32-bit float's, as Compose's is: 3.3333 CPUs are 3,333,300,224 of them.
fn nano(cpus: f32) -> i64 {
    whole(cpus * 1e9)
}

#[expect(clippy::cast_possible_truncation, reason = "the fraction is cut off, as Compose does it")]
fn whole(number: f32) -> i64 {
    number as i64
}

fn devices(host: &mut HostConfig, service: &Service) {
    let reservations = service.deploy.as_ref().and_then(|deploy| deploy.resources.reservations.as_ref());
    for device in reservations.map_or(&[][..], |reservations| &reservations.devices) {
        host.device_requests.push(device_request(device, device.capabilities.clone()));
    }
    let mut cdi = Vec::new();
    for device in &service.devices {
        if device.source == device.target && is_cdi_name(&device.source) {
            cdi.push(device.source.clone());
        } else {
            host.devices.push(Device {
                path_on_host: device.source.clone(),
                path_in_container: device.target.clone(),
                cgroup_permissions: device.permissions.clone(),
            });
        }
    }
    if !cdi.is_empty() {
        let request = DeviceRequest { driver: "cdi".into(), device_ids: cdi, ..DeviceRequest::default() };
        host.device_requests.push(request);
    }
    for gpu in &service.gpus {
        let mut capabilities = gpu.capabilities.clone();
        capabilities.push("gpu".into());
        host.device_requests.push(device_request(gpu, capabilities));
    }
}

fn device_request(request: &types::DeviceRequest, capabilities: Vec<String>) -> DeviceRequest {
    DeviceRequest {
        driver: request.driver.clone(),
        count: request.count.0,
        device_ids: request.device_ids.clone(),
        capabilities: vec![capabilities],
        options: request.options.clone(),
    }
}

/// Returns true for a name in the Container Device Interface's form, `vendor/class=name`.
fn is_cdi_name(text: &str) -> bool {
    let Some((kind, name)) = text.split_once('=') else { return false };
    let Some((vendor, class)) = kind.split_once('/') else { return false };
    let word = |text: &str, first: fn(&char) -> bool, more: &str| {
        text.chars().next().is_some_and(|c| first(&c))
            && text.chars().last().is_some_and(|c| c.is_ascii_alphanumeric())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
    };
    word(vendor, char::is_ascii_alphabetic, "_-.")
        && word(class, char::is_ascii_alphabetic, "_-")
        && word(name, char::is_ascii_alphanumeric, "_-.:")
}

fn block_devices(host: &mut HostConfig, blkio: &types::Blkio) {
    let throttle = |devices: &[types::ThrottleDevice]| {
        devices
            .iter()
            .map(|device| ThrottleDevice { path: device.path.clone(), rate: device.rate.0 })
            .collect::<Vec<_>>()
    };
    host.blkio_weight = blkio.weight.into();
    host.blkio_weight_device = blkio
        .weight_device
        .iter()
        .map(|device| WeightDevice { path: device.path.clone(), weight: device.weight.into() })
        .collect();
    host.blkio_device_read_bps = throttle(&blkio.device_read_bps);
    host.blkio_device_read_iops = throttle(&blkio.device_read_iops);
    host.blkio_device_write_bps = throttle(&blkio.device_write_bps);
    host.blkio_device_write_iops = throttle(&blkio.device_write_iops);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpus_are_counted_in_thirty_two_bit_floats() {
        let cpus = [0.1, 1.1, 0.123_456_79, 3.3333].map(nano);
        assert_eq!(cpus, [100_000_000, 1_100_000_000, 123_456_792, 3_333_300_224]);
    }

    #[test]
    fn names_of_the_container_device_interface_are_told_from_paths() {
        for name in ["nvidia.com/gpu=all", "vendor1.com/device=foo:0", "amd/gpu=0"] {
            assert!(is_cdi_name(name), "{name}");
        }
        for path in ["/dev/ttyUSB0", "/dev/x=y", "gpu=0", "a/b", "1/2=3", "v/c="] {
            assert!(!is_cdi_name(path), "{path}");
        }
    }
}
