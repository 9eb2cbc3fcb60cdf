//! What is not supported, and what an old engine lacks.

use super::*;

#[test]
fn what_is_not_supported_is_an_error_that_says_what_to_do() {
    let errors = errors(json!({
        "models": { "llm": null }, "provider": { "type": "cloud" }, "pull_policy": "sometimes",
        "volumes": [{ "type": "npipe", "source": "//./pipe/x", "target": "/x" }],
    }));
    let expected = [
        "services.web.models: `models` is not supported: models are run by Docker Model Runner, which is no part of the engine",
        "services.web.provider: `provider` is not supported: a provider is a program on the host of Compose, which Evenkeel does not run",
        "services.web.pull_policy: `sometimes` is no pull policy",
        "services.web.volumes[0].type: named pipes exist on Windows alone, which is not supported",
    ];
    assert_eq!(messages(&errors), expected);
    assert!(errors.iter().all(|error| error.hint.is_some()), "each says what to do next");
}

#[test]
fn pull_policies_are_read() {
    let policy = |word: &str| web(json!({ "pull_policy": word })).pull;
    assert_eq!(["", "missing", "if_not_present", "build"].map(policy), [PullPolicy::Missing; 4]);
    assert_eq!(["always", "refresh"].map(policy), [PullPolicy::Always; 2]);
    let days = |days: u64| PullPolicy::OlderThan(std::time::Duration::from_hours(24 * days));
    assert_eq!(
        ["daily", "weekly", "every_1w2d", "every_24h"].map(policy),
        [days(1), days(7), days(9), days(1)]
    );
    assert_eq!(policy("never"), PullPolicy::Never);
}

#[test]
fn the_api_socket_comes_with_its_configuration() {
    let web = web(json!({ "use_api_socket": true }));
    let request = &web.containers[0].request;
    assert_eq!(request.host_config.binds, ["/var/run/docker.sock:/var/run/docker.sock:rw"]);
    assert_eq!(request.env, ["DOCKER_CONFIG=/run/secrets/docker"]);
    let archive = &web.containers[0].archives[0];
    assert_eq!((archive.path.as_str(), archive.mode), ("/run/secrets/docker/config.json", 0o444));
    let errors = errors(json!({ "use_api_socket": true, "read_only": true }));
    assert_eq!(errors[0].code, "read-only");
}

#[test]
fn what_is_shared_must_be_there() {
    let errors = errors(
        json!({ "network_mode": "service:db", "networks": {}, "volumes_from": ["db:ro", "container:x"] }),
    );
    let expected = [
        "services.web.network_mode: service `db` has no container to share with",
        "services.web.volumes_from: service `db` has no container to share with",
    ];
    assert_eq!(messages(&errors), expected);
    let alone = web(json!({ "volumes_from": ["container:x:ro"] }));
    assert_eq!(
        (alone.containers[0].request.host_config.volumes_from.as_slice(), alone.shared),
        (&["x".to_owned()][..], None)
    );
}

#[test]
fn what_the_engine_lacks_is_an_error_that_names_the_version_that_has_it() {
    let fields = json!({
        "annotations": { "a": "b" },
        "healthcheck": { "start_period": "1s", "start_interval": "1s" },
        "networks": { "default": { "gw_priority": 1, "interface_name": "eth0" } },
        "volumes": [
            { "type": "bind", "source": "/a", "target": "/a",
              "bind": { "create_host_path": true, "recursive": "readonly" } },
            { "type": "volume", "source": "data", "target": "/b", "volume": { "subpath": "x" } },
            { "type": "image", "source": "busybox", "target": "/c" },
        ],
    });
    let old = Context { api: (1, 41), ..context() };
    let found: Vec<String> =
        errors_with(fields.clone(), &old).iter().map(|e| format!("{} {}", e.code, e.path)).collect();
    let expected = [
        "engine-too-old services.web.annotations",
        "engine-too-old services.web.healthcheck.start_interval",
        "engine-too-old services.web.networks.default.gw_priority",
        "engine-too-old services.web.networks.default.interface_name",
        "engine-too-old services.web.volumes[0].bind.recursive",
        "engine-too-old services.web.volumes[1].volume.subpath",
        "engine-too-old services.web.volumes[2].type",
    ];
    assert_eq!(found, expected);
    let first = &errors_with(fields.clone(), &old)[0];
    let text = "`annotations` needs engine API 1.43 (Docker Engine 24.0), this engine has 1.41";
    assert_eq!(first.message, text);
    assert_eq!(errors_with(fields, &Context { api: (1, 48), ..context() }).len(), 1);
}

#[test]
fn a_bind_in_the_short_form_is_no_reason_to_refuse_an_old_engine() {
    let old = Context { api: (1, 41), ..context() };
    let bind = json!({ "create_host_path": true, "propagation": "rslave" });
    let volumes = json!([{ "type": "bind", "source": "/srv/a", "target": "/a", "bind": bind }]);
    let services = json!({ "web": with_defaults(json!({ "volumes": volumes })) });
    assert!(render(&project(&services), &tree(), &old, &Builds::default()).is_ok());
}

#[test]
fn a_circle_of_dependencies_is_refused_with_the_way_round() {
    let on = |name: &str| json!({ name: { "condition": "service_started", "required": true } });
    let services = json!({
        "a": with_defaults(json!({ "depends_on": on("b") })), "b": with_defaults(json!({ "depends_on": on("a") })),
    });
    let errors = render(&project(&services), &tree(), &context(), &Builds::default()).expect_err("refused");
    assert_eq!(messages(&errors), ["services.a.depends_on: dependency cycle detected: a -> b -> a"]);
}

#[test]
fn an_optional_dependency_on_an_inactive_service_leaves_no_trace() {
    let depends_on = json!({
        "debug": { "condition": "service_started", "required": false },
        "db": { "condition": "service_healthy", "required": true, "restart": true },
    });
    let services = json!({
        "web": with_defaults(json!({ "depends_on": depends_on })), "db": with_defaults(json!({})),
    });
    let mut project = project(&services);
    project.disabled.insert("debug".into(), Box::default());
    let desired = render(&project, &tree(), &context(), &Builds::default()).expect("it renders");
    let web = &desired.services[&ServiceName::new("web").expect("a name")];
    let names: Vec<&str> = web.depends_on.iter().map(|dependency| dependency.service.as_str()).collect();
    assert_eq!(names, ["db"]);
    assert_eq!(web.containers[0].request.labels[label::compose::DEPENDS_ON], "db:service_healthy:true");
    assert_eq!(desired.inactive.iter().map(ServiceName::as_str).collect::<Vec<_>>(), ["debug"]);
}
