//! What is not supported yet, and what an old engine lacks.

use super::*;

#[test]
fn what_is_not_supported_yet_is_an_error_that_says_what_to_do() {
    let errors = errors(json!({
        "image": "", "build": { "context": "." }, "use_api_socket": true, "models": { "llm": null },
        "provider": { "type": "cloud" }, "pull_policy": "daily",
        "volumes": [{ "type": "npipe", "source": "//./pipe/x", "target": "/x" }],
    }));
    let expected = [
        "services.web.build: `build` is not supported yet",
        "services.web.models: `models` is not supported yet",
        "services.web.provider: `provider` is not supported yet",
        "services.web.pull_policy: `pull_policy: daily` is not supported yet",
        "services.web.use_api_socket: `use_api_socket` is not supported yet",
        "services.web.volumes[0].type: named pipes exist on Windows alone, which is not supported",
    ];
    assert_eq!(messages(&errors), expected);
    assert!(errors.iter().all(|error| error.hint.is_some()), "each says what to do next");
}

#[test]
fn an_image_that_could_also_be_built_is_pulled_with_a_warning() {
    let fields = with_defaults(json!({ "build": { "context": "." } }));
    let project = project(&json!({ "web": fields }));
    assert!(render(&project, &tree(), &context()).is_ok());
    let text = "services.web.build: `build` is not supported yet: `nginx:1.29` is pulled, not built";
    assert_eq!(messages(&warnings(&project, &tree(), &context())), [text]);
}

#[test]
fn pull_policies_are_read() {
    let policy = |word: &str| web(json!({ "pull_policy": word })).pull;
    assert_eq!(["", "missing", "if_not_present"].map(policy), [PullPolicy::Missing; 3]);
    assert_eq!([policy("always"), policy("never")], [PullPolicy::Always, PullPolicy::Never]);
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
        "engine-too-old services.web.volumes[0].bind.create_host_path",
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
fn a_circle_of_dependencies_is_refused_with_the_way_round() {
    let on = |name: &str| json!({ name: { "condition": "service_started", "required": true } });
    let services = json!({
        "a": with_defaults(json!({ "depends_on": on("b") })), "b": with_defaults(json!({ "depends_on": on("a") })),
    });
    let errors = render(&project(&services), &tree(), &context()).expect_err("refused");
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
    project.disabled.insert("debug".into(), Service::default());
    let desired = render(&project, &tree(), &context()).expect("it renders");
    let web = &desired.services[&ServiceName::new("web").expect("a name")];
    let names: Vec<&str> = web.depends_on.iter().map(|dependency| dependency.service.as_str()).collect();
    assert_eq!(names, ["db"]);
    assert_eq!(web.containers[0].request.labels[label::compose::DEPENDS_ON], "db:service_healthy:true");
    assert_eq!(desired.inactive.iter().map(ServiceName::as_str).collect::<Vec<_>>(), ["debug"]);
}
