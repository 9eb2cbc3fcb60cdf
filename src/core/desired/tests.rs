//! Each rule of the mapping on a literal service, and one realistic project as a whole.

mod attached;
mod refused;
mod seen;

use serde_json::Value;
use serde_json::json;

use super::request::ContainerRequest;
use super::*;
use crate::core::compose;
use crate::core::compose::HashFlavor;
use crate::core::compose::Project;
use crate::core::compose::types::FileObject;
use crate::core::compose::types::Network;
use crate::core::compose::types::Service;
use crate::core::compose::types::Volume;
use crate::core::diag::Diagnostic;
use crate::core::model::MemoryTree;

/// A project `app` in `/r/app` of the given services, with all networks, volumes, secrets and configs they may name.
fn project(services: &Value) -> Project {
    fn all<T: serde::de::DeserializeOwned>(value: &Value) -> BTreeMap<String, T> {
        let members = value.as_object().expect("an object").iter();
        members.map(|(k, v)| (k.clone(), serde_json::from_value(v.clone()).expect("of the model"))).collect()
    }
    let mut project = Project::default();
    project.name = "app".into();
    project.working_dir = "/r/app".into();
    project.config_files = vec!["/r/app/compose.yaml".into()];
    project.services = all::<Box<Service>>(services);
    project.networks = all::<Network>(&json!({
        "default": { "name": "app_default" },
        "back": {
            "name": "app_back", "internal": true,
            "ipam": { "config": [{ "subnet": "10.0.0.0/24" }, { "subnet": "fd00::/64" }] },
        },
        "lan": { "name": "lan", "external": true },
    }));
    project.volumes = all::<Volume>(&json!({
        "data": { "name": "app_data", "labels": { "keep": "yes" } },
        "media": { "name": "media", "external": true },
        "bound": { "name": "app_bound", "driver_opts": { "type": "none", "o": "bind", "device": "/r/app/www" } },
    }));
    project.secrets = all::<FileObject>(&json!({
        "token": { "name": "app_token", "environment": "TOKEN" },
        "unset": { "name": "app_unset", "environment": "UNSET" },
        "key": { "name": "app_key", "file": "/r/app/key.pem" },
        "swarm": { "name": "swarm", "external": true },
    }));
    project.configs = all::<FileObject>(&json!({
        "motd": { "name": "app_motd", "content": "hello" },
        "conf": { "name": "app_conf", "file": "/r/app/app.conf" },
    }));
    project.environment.insert("TOKEN".into(), "hunter2".into());
    project
}

fn tree() -> MemoryTree {
    MemoryTree::new([
        ("/r/app/app.conf", "port = 1"),
        ("/r/app/key.pem", "key"),
        ("/r/app/conf/a.conf", "a"),
        ("/r/app/conf/sub/b.conf", "b"),
        ("/r/app/www/index.html", "<html>"),
        ("/r/app/seccomp.json", "{ \"defaultAction\": \"SCMP_ACT_ALLOW\" }"),
    ])
}

fn context() -> Context {
    Context {
        owner: Owner {
            instance: InstanceId::new("home").expect("a name"),
            source: SourceName::new("lab").expect("a name"),
            stack: StackName::new("app").expect("a name"),
        },
        revision: Revision::parse("main@sha1:0123456789abcdef0123456789abcdef01234567").expect("a revision"),
        publish_root: Some("/r".into()),
        settings: Settings::default(),
        compose_version: COMPOSE_VERSION.into(),
        flavor: HashFlavor::V2,
        api: (1, 51),
    }
}

fn desired(services: &Value) -> Desired {
    render(&project(services), &tree(), &context(), &Builds::default()).expect("it renders")
}

/// The one service `web` of a project, with the given fields over an image and the default network.
fn web(fields: Value) -> DesiredService {
    desired(&json!({ "web": with_defaults(fields) })).services.into_values().next().expect("one service")
}

fn with_defaults(fields: Value) -> Value {
    let mut service = json!({ "image": "nginx:1.29", "networks": { "default": null } });
    let Value::Object(fields) = fields else { panic!("fields are an object") };
    for (key, value) in fields {
        service[key] = value;
    }
    service
}

fn request(fields: Value) -> ContainerRequest {
    web(fields).containers.remove(0).request
}

/// The given members of the create request's `HostConfig`, as the engine gets them.
fn host(fields: Value, members: &[&str]) -> Value {
    let host = json!(request(fields).host_config);
    members.iter().map(|member| ((*member).to_owned(), host[*member].clone())).collect()
}

fn errors(fields: Value) -> Vec<Diagnostic> {
    errors_with(fields, &context())
}

fn errors_with(fields: Value, context: &Context) -> Vec<Diagnostic> {
    let project = project(&json!({ "web": with_defaults(fields) }));
    render(&project, &tree(), context, &Builds::default()).expect_err("it is refused")
}

fn messages(errors: &[Diagnostic]) -> Vec<String> {
    errors.iter().map(|error| format!("{}: {}", error.path, error.message)).collect()
}

#[test]
fn a_realistic_project_is_rendered_whole() {
    let tree = MemoryTree::new([
        ("/r/app/compose.yaml", include_str!("tests/compose.yaml")),
        ("/r/app/app.conf", "port = 1"),
        ("/r/app/conf/a.conf", "a"),
    ]);
    let options = compose::Options {
        working_dir: "/r/app".into(),
        environment: BTreeMap::from([("TOKEN".into(), "hunter2".into())]),
        ..compose::Options::default()
    };
    let project = compose::load(&tree, &options).expect("it loads").project;
    let desired = render(&project, &tree, &context(), &Builds::default()).expect("it renders");
    insta::assert_snapshot!(print(&desired));
}

#[test]
fn what_compose_sends_although_it_is_empty_is_sent() {
    let expected = json!({ "PortBindings": {}, "ExtraHosts": [] });
    assert_eq!(host(json!({}), &["PortBindings", "ExtraHosts"]), expected);
}

/// What the engine gets, and what the planner sees beside it.
fn print(desired: &Desired) -> String {
    let services: Vec<Value> = desired
        .services
        .values()
        .map(|service| {
            json!({
                "name": service.name, "image": service.image, "pull": service.pull,
                "depends_on": service.depends_on, "content": service.content,
                "stop_grace": service.stop_grace.as_secs(),
                "containers": service.containers.iter().map(|container| json!({
                    "name": container.name, "request": container.request,
                    "archives": container.archives.iter().map(|file| &file.path).collect::<Vec<_>>(),
                })).collect::<Vec<_>>(),
            })
        })
        .collect();
    let networks: BTreeMap<_, _> =
        desired.networks.iter().map(|(key, n)| (key, (&n.name, &n.create))).collect();
    let volumes: BTreeMap<_, _> =
        desired.volumes.iter().map(|(key, v)| (key, (&v.name, &v.create))).collect();
    let files: Vec<&str> = desired.files.iter().map(|file| file.path.as_str()).collect();
    let all = json!({ "networks": networks, "volumes": volumes, "services": services, "files": files });
    serde_json::to_string_pretty(&all).expect("JSON")
}

#[test]
fn containers_are_numbered_and_each_has_its_own_name_and_label() {
    let service = web(json!({ "scale": 2 }));
    let names: Vec<&str> = service.containers.iter().map(|container| container.name.as_str()).collect();
    assert_eq!(names, ["app-web-1", "app-web-2"]);
    let second = &service.containers[1];
    assert_eq!(second.request.labels[label::compose::NUMBER], "2");
    let endpoints = &second.request.networking_config.as_ref().expect("networks").endpoints_config;
    assert_eq!(endpoints["app_default"].aliases, ["app-web-2", "web"]);
    assert_eq!(web(json!({ "deploy": { "replicas": 3 } })).containers.len(), 3);
    assert_eq!(web(json!({ "scale": 0 })).containers.len(), 0);
    let too_many = messages(&errors(json!({ "scale": 1_000_000_000 })));
    assert_eq!(too_many, ["services.web.scale: 1000000000 containers are too many"]);
}

#[test]
fn two_services_cannot_have_one_container_name() {
    let services = json!({
        "a": with_defaults(json!({ "container_name": "app-b-1" })), "b": with_defaults(json!({})),
    });
    let errors = render(&project(&services), &tree(), &context(), &Builds::default()).expect_err("refused");
    let text = "services.b.container_name: container name `app-b-1` is also that of service `a`";
    assert_eq!(messages(&errors), [text]);
}

#[test]
fn labels_of_the_user_do_not_override_those_that_identify() {
    let labels = json!({ "dev.evenkeel.stack": "other", "com.docker.compose.project": "other", "mine": "1" });
    let request = request(json!({ "labels": labels }));
    assert_eq!(request.labels["dev.evenkeel.stack"], "app");
    assert_eq!(request.labels["com.docker.compose.project"], "app");
    assert_eq!(request.labels["mine"], "1");
    assert!(!request.labels.contains_key(label::compose::IMAGE), "only the planner knows it");
    let project = project(&json!({ "web": with_defaults(json!({ "labels": labels })) }));
    let warned = warnings(&project, &tree(), &context());
    assert_eq!(warned.iter().map(|w| w.code).collect::<Vec<_>>(), ["reserved-label", "reserved-label"]);
}

#[test]
fn an_absent_command_keeps_the_images_and_an_empty_one_clears_it() {
    assert_eq!(request(json!({})).cmd, None);
    let cleared = request(json!({ "command": [], "entrypoint": ["/init"] }));
    assert_eq!((cleared.cmd, cleared.entrypoint), (Some(vec![]), Some(vec!["/init".into()])));
}

#[test]
fn a_variable_without_value_is_sent_by_its_name_alone() {
    assert_eq!(request(json!({ "environment": { "A": "1", "B": null, "C": "" } })).env, ["A=1", "B", "C="]);
}

#[test]
fn mounts_take_the_short_form_where_it_says_enough() {
    let volumes = json!([
        { "type": "bind", "source": "/srv/a", "target": "/a", "bind": { "create_host_path": true, "selinux": "Z" } },
        { "type": "bind", "source": "/srv/b", "target": "/b", "read_only": true },
        { "type": "bind", "source": "/srv/c", "target": "/c", "bind": {} },
        { "type": "bind", "source": "/srv/d", "target": "/d",
          "bind": { "create_host_path": true, "propagation": "rshared", "recursive": "readonly" } },
        { "type": "volume", "source": "data", "target": "/e", "read_only": true, "volume": {} },
        { "type": "volume", "source": "data", "target": "/f", "volume": { "nocopy": true, "subpath": "x" } },
        { "type": "volume", "target": "/g", "volume": {} },
        { "type": "tmpfs", "target": "/h", "tmpfs": { "size": "1024", "mode": 511 } },
        { "type": "image", "source": "busybox", "target": "/i", "image": { "subpath": "bin" } },
    ]);
    let host =
        host(json!({ "volumes": volumes, "tmpfs": ["/run:size=1m", "/tmp"] }), &["Binds", "Mounts", "Tmpfs"]);
    let expected = json!({
        "Binds": ["/srv/a:/a:rw,Z", "/srv/b:/b:ro", "app_data:/e:ro"],
        "Mounts": [
            { "Type": "bind", "Source": "/srv/c", "Target": "/c", "BindOptions": {} },
            { "Type": "bind", "Source": "/srv/d", "Target": "/d", "BindOptions": {
                "Propagation": "rshared", "CreateMountpoint": true, "ReadOnlyForceRecursive": true } },
            { "Type": "volume", "Source": "app_data", "Target": "/f",
              "VolumeOptions": { "NoCopy": true, "Subpath": "x" } },
            { "Type": "volume", "Target": "/g", "VolumeOptions": {} },
            { "Type": "tmpfs", "Target": "/h", "TmpfsOptions": { "SizeBytes": 1024, "Mode": 511 } },
            { "Type": "image", "Source": "busybox", "Target": "/i", "ImageOptions": { "Subpath": "bin" } },
        ],
        "Tmpfs": { "/run": "size=1m", "/tmp": "" },
    });
    assert_eq!(host, expected);
}

#[test]
fn ports_are_exposed_and_bound_and_ranges_are_left_to_the_engine() {
    let fields = json!({
        "expose": ["90", "91/udp"],
        "ports": [
            { "target": 80, "published": "8000-8005", "protocol": "tcp" },
            { "target": 80, "protocol": "tcp", "host_ip": "127.0.0.1" },
            { "target": 53, "published": "53", "protocol": "udp" },
        ],
    });
    let exposed: Vec<String> = request(fields.clone()).exposed_ports.into_keys().collect();
    assert_eq!(exposed, ["53/udp", "80/tcp", "90", "91/udp"]);
    let expected = json!({
        "53/udp": [{ "HostIp": "", "HostPort": "53" }],
        "80/tcp": [{ "HostIp": "", "HostPort": "8000-8005" }, { "HostIp": "127.0.0.1", "HostPort": "" }],
    });
    assert_eq!(host(fields, &["PortBindings"])["PortBindings"], expected);
}

#[test]
fn the_deploy_sections_restart_policy_outranks_the_services() {
    let policy = |fields| host(fields, &["RestartPolicy"])["RestartPolicy"].clone();
    assert_eq!(policy(json!({})), json!({ "Name": "" }));
    assert_eq!(
        policy(json!({ "restart": "on-failure:4" })),
        json!({ "Name": "on-failure", "MaximumRetryCount": 4 })
    );
    let deploy = json!({ "restart_policy": { "condition": "any" } });
    assert_eq!(policy(json!({ "restart": "no", "deploy": deploy })), json!({ "Name": "always" }));
    let deploy = json!({ "restart_policy": { "condition": "none" } });
    assert_eq!(policy(json!({ "restart": "always", "deploy": deploy })), json!({ "Name": "no" }));
}

#[test]
fn limits_and_reservations_of_the_deploy_section_outrank_the_services() {
    let host = host(
        json!({
            "mem_limit": "1", "mem_reservation": "2", "pids_limit": 3, "cpus": 1.0,
            "ulimits": { "nofile": { "soft": 10, "hard": 20 }, "nproc": 5 },
            "devices": [
                { "source": "/dev/ttyUSB0", "target": "/dev/tty", "permissions": "rw" },
                { "source": "nvidia.com/gpu=0", "target": "nvidia.com/gpu=0", "permissions": "rwm" },
            ],
            "gpus": [{ "count": -1 }],
            "deploy": { "resources": {
                "limits": { "memory": "10", "pids": 30, "cpus": 0.25 },
                "reservations": { "memory": "5", "devices": [{ "capabilities": ["tpu"], "device_ids": ["0"] }] },
            } },
        }),
        &["Memory", "MemoryReservation", "PidsLimit", "NanoCpus", "Ulimits", "Devices", "DeviceRequests"],
    );
    let expected = json!({
        "Memory": 10, "MemoryReservation": 5, "PidsLimit": 30, "NanoCpus": 250_000_000,
        "Ulimits": [{ "Name": "nofile", "Soft": 10, "Hard": 20 }, { "Name": "nproc", "Soft": 5, "Hard": 5 }],
        "Devices": [{ "PathOnHost": "/dev/ttyUSB0", "PathInContainer": "/dev/tty", "CgroupPermissions": "rw" }],
        "DeviceRequests": [
            { "Capabilities": [["tpu"]], "DeviceIDs": ["0"] },
            { "Driver": "cdi", "DeviceIDs": ["nvidia.com/gpu=0"] },
            { "Count": -1, "Capabilities": [["gpu"]] },
        ],
    });
    assert_eq!(host, expected);
}

#[test]
fn security_options_are_checked_and_profiles_are_read_from_the_repository() {
    let options =
        json!(["no-new-privileges", "systempaths=unconfined", "label:disable", "seccomp=./seccomp.json"]);
    let host = host(
        json!({ "security_opt": options, "cap_add": ["sys_time", "CAP_CHOWN", "chown"], "cap_drop": ["all"] }),
        &["SecurityOpt", "MaskedPaths", "ReadonlyPaths", "CapAdd", "CapDrop"],
    );
    let expected = json!({
        "SecurityOpt": ["no-new-privileges", "label:disable", "seccomp={\"defaultAction\":\"SCMP_ACT_ALLOW\"}"],
        "MaskedPaths": [], "ReadonlyPaths": [], "CapAdd": ["CAP_CHOWN", "CAP_SYS_TIME"], "CapDrop": ["ALL"],
    });
    assert_eq!(host, expected);
    assert_eq!(
        messages(&errors(json!({ "security_opt": ["foo", "seccomp=none.json", "seccomp=app.conf"] }))),
        [
            "services.web.security_opt[0]: invalid security-opt: \"foo\"",
            "services.web.security_opt[1]: the seccomp profile none.json cannot be read: no such file or directory",
            "services.web.security_opt[2]: the seccomp profile app.conf cannot be read: expected value at line 1 column 1",
        ]
    );
}

#[test]
fn a_disabled_health_check_is_none_and_a_start_interval_needs_its_period() {
    let check = request(json!({ "healthcheck": { "disable": true } })).healthcheck.expect("a check");
    assert_eq!(check.test, ["NONE"]);
    let check = request(json!({ "healthcheck": { "interval": "1m30s" } })).healthcheck.expect("a check");
    assert_eq!((check.interval, check.test.len()), (90_000_000_000, 0));
    let errors = errors(json!({ "healthcheck": { "start_interval": "1s" } }));
    assert_eq!(
        messages(&errors),
        [
            "services.web.healthcheck.start_interval: healthcheck.start_interval requires healthcheck.start_period to be set"
        ]
    );
}
