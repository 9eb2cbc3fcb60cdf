//! Parity: what Evenkeel makes of a Compose project is what Docker Compose makes of it, field by field.
//!
//! Each folder under `projects` is applied on a real engine, and what the engine then shows of each container, network
//! and volume is compared with what it shows after `docker compose up`: see [`check`]. The reference's side is kept in
//! `records`, one folder per version of the engine's API, so that the suite runs without it. `EVENKEEL_PARITY_RECORD=1`
//! runs the reference and writes the records anew; it is the first of `docker compose`, `docker-compose` and
//! `../shared/tools/engine compose` that is Compose 2 or newer.
//!
//! Names, ports and addresses are fixed, because they are part of the hashes that are compared: the projects' names
//! end in `-parity`, published ports are on 127.83.0.0/16, subnets in 198.18.0.0/15 and `fd83::/16`. Two runs on one
//! machine wait for each other, project by project.
//!
//! What may differ is in `exceptions.yaml`, and must.

mod check;
mod engine;
mod exceptions;
mod normal;
#[expect(dead_code, reason = "the end-to-end tests use the rest")]
#[path = "../it/harness/process.rs"]
mod process;
mod project;
mod record;
mod snapshot;
#[expect(dead_code, reason = "the end-to-end tests use the rest")]
#[path = "../it/harness/wait.rs"]
mod wait;

/// Makes a test of each project.
macro_rules! projects {
    ($($name:ident)*) => {
        const PROJECTS: &[&str] = &[$(stringify!($name)),*];

        $(
            #[test]
            fn $name() {
                check::check(stringify!($name));
            }
        )*
    };
}

projects! {
    annotations
    api_socket
    binds
    binds_propagated
    binds_recursive
    blkio
    capabilities
    capabilities_all
    cgroup_parent
    configs
    container_names
    cpu
    cpu_of_windows
    cpu_realtime
    depends
    deploy_resources
    device_by_name
    devices
    dns
    env_file_option
    env_files
    environment
    expose
    extending
    external_links
    extra_hosts
    files
    files_of_env
    fragments
    gpus
    groups
    health
    health_start_interval
    homelab_blog
    homelab_documents
    homelab_home
    homelab_media
    homelab_monitoring
    hooks_after_start
    hooks_pre_stop
    images
    including
    init
    ipc_of_service
    labels
    link_local
    links
    logging
    mac_address
    mac_addresses
    memory
    mount_image
    mounts_tmpfs
    name
    namespaces
    network_addresses
    network_disabled
    network_gateway_priority
    network_ipv6
    network_modes
    network_of_service
    network_priorities
    network_without_ipv4
    networks
    no_runtime
    not_for_engines
    odd_names
    of_outside_container
    old_file_names
    one_shot
    oom_off
    oom_protected
    outside
    outside_default
    overrides
    pid_of_service
    pids
    plain
    platform
    port_ipv6
    port_ranges
    ports_long
    ports_of_replicas
    ports_short
    privileged
    process
    profiles
    profiles_of_env
    pull_policies
    read_only_root
    reserved_devices
    restart
    restart_of_deploy
    runtime
    scale
    seccomp_file
    secrets
    security
    storage
    sysctls
    ulimits
    volume_driver
    volume_labels
    volume_nocopy_short
    volume_subpath
    volumes_anonymous
    volumes_named
    volumes_of_service
}

#[test]
fn what_the_reference_started_is_not_touched_and_its_volumes_are_gone_on_with() {
    check::check_what_the_reference_started("homelab_blog");
}

#[test]
fn every_project_is_tested() {
    let mut named = PROJECTS.to_vec();
    named.sort_unstable();
    assert_eq!(
        named,
        project::all(),
        "the list in tests/parity/main.rs and the folders of tests/parity/projects"
    );
}

#[test]
fn every_exception_is_of_a_project() {
    for name in exceptions::Exceptions::read().projects() {
        assert!(
            PROJECTS.contains(&name.as_str()),
            "exceptions.yaml names the project `{name}`, which is not there"
        );
    }
}
