//! What services see of the repository, and their secrets and configs.

use super::*;

fn bind(source: &str, target: &str) -> Value {
    json!({ "type": "bind", "source": source, "target": target, "bind": { "create_host_path": true } })
}

fn files(desired: &Desired) -> Vec<&str> {
    desired.files.iter().map(|file| file.path.as_str()).collect()
}

#[test]
fn mounted_repository_files_are_published_and_digested_and_an_apps_data_is_not() {
    let volumes = json!([
        bind("/r/app/conf", "/etc/app"),
        bind("/r/app/data", "/data"),
        bind("/var/run/docker.sock", "/var/run/docker.sock"),
        bind("/r2/other", "/other"),
        { "type": "volume", "source": "bound", "target": "/www", "volume": {} },
    ]);
    let desired = desired(&json!({ "web": with_defaults(json!({ "volumes": volumes })) }));
    assert_eq!(files(&desired), ["/r/app/conf", "/r/app/www"]);
    let service = desired.services.values().next().expect("one service");
    let known: Vec<&str> = service.content.keys().map(String::as_str).collect();
    assert_eq!(known, ["./conf/a.conf", "./conf/sub/b.conf", "./www/index.html"]);
    // sha256 of "a".
    let sha = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb";
    assert_eq!(service.content["./conf/a.conf"], sha);
    assert_eq!(service.containers[0].request.labels[label::DIGEST], service.digest);
}

#[test]
fn the_digest_changes_with_the_content_and_with_where_it_is_mounted_and_not_with_the_folders_place() {
    let digest = |tree: MemoryTree, source: &str, target: &str| {
        let services = json!({ "web": with_defaults(json!({ "volumes": [bind(source, target)] })) });
        let desired = render(&project(&services), &tree, &context(), &Builds::default()).expect("it renders");
        desired.services.into_values().next().expect("one service").digest
    };
    let before = digest(tree(), "/r/app/conf", "/etc/app");
    assert_eq!(before, digest(tree(), "/r/app/conf", "/etc/app"));
    assert_ne!(before, digest(tree(), "/r/app/conf", "/etc/web"));
    let changed = MemoryTree::new([("/r/app/conf/a.conf", "a"), ("/r/app/conf/sub/b.conf", "changed")]);
    assert_ne!(before, digest(changed, "/r/app/conf", "/etc/app"));
    let moved = MemoryTree::new([("/r/x/a.conf", "a"), ("/r/x/sub/b.conf", "b")]);
    assert_eq!(before, digest(moved, "/r/x", "/etc/app"));
}

#[test]
fn a_service_that_sees_nothing_of_ours_has_an_empty_digest() {
    let service = web(json!({ "volumes": [bind("/srv/data", "/data")] }));
    assert_eq!((service.digest.as_str(), service.content.len()), ("", 0));
}

#[test]
fn in_a_plain_folder_files_are_digested_folders_are_not_and_nothing_is_published() {
    let volumes = json!([
        bind("/r/app/conf", "/etc/app"),
        bind("/r/app/app.conf", "/app.conf"),
        bind("/etc/localtime", "/etc/localtime"),
    ]);
    let services = json!({ "web": with_defaults(json!({ "volumes": volumes })) });
    let plain = Context { publish_root: None, ..context() };
    let host =
        MemoryTree::new([("/r/app/conf/a.conf", "a"), ("/r/app/app.conf", "b"), ("/etc/localtime", "c")]);
    let desired = render(&project(&services), &host, &plain, &Builds::default()).expect("it renders");
    assert_eq!(files(&desired), Vec::<&str>::new());
    let service = desired.services.values().next().expect("one service");
    assert_eq!(service.content.keys().collect::<Vec<_>>(), ["./app.conf"]);
}

#[test]
fn secrets_and_configs_with_a_file_are_mounted_read_only_and_the_volume_of_that_target_wins() {
    let fields = json!({
        "secrets": [{ "source": "key", "target": "/run/secrets/key" }],
        "configs": [{ "source": "conf" }],
    });
    let host_config = host(fields.clone(), &["Mounts"]);
    let expected = json!([
        { "Type": "bind", "Source": "/r/app/app.conf", "Target": "/conf", "ReadOnly": true },
        { "Type": "bind", "Source": "/r/app/key.pem", "Target": "/run/secrets/key", "ReadOnly": true,
          "BindOptions": {} },
    ]);
    assert_eq!(host_config["Mounts"], expected);
    let desired = desired(&json!({ "web": with_defaults(fields) }));
    assert_eq!(files(&desired), ["/r/app/app.conf", "/r/app/key.pem"]);

    let fields = json!({ "configs": [{ "source": "conf" }], "volumes": [bind("/srv/conf", "/conf")] });
    assert_eq!(
        host(fields, &["Binds", "Mounts"]),
        json!({ "Binds": ["/srv/conf:/conf:rw"], "Mounts": null })
    );
}

#[test]
fn secrets_and_configs_with_a_content_are_copied_in_with_their_owner_and_mode() {
    let fields = json!({
        "secrets": [{ "source": "token", "target": "rel", "uid": "5", "gid": "6", "mode": "0400" }],
        "configs": [{ "source": "motd" }],
    });
    let service = web(fields);
    let archives: Vec<_> = service.containers[0]
        .archives
        .iter()
        .map(|file| (file.path.as_str(), file.content.expose(), file.uid, file.gid, file.mode))
        .collect();
    assert_eq!(archives, [("/run/secrets/rel", "hunter2", 5, 6, 0o400), ("/motd", "hello", 0, 0, 0o444)]);
    assert_eq!(service.content.keys().collect::<Vec<_>>(), ["config motd", "secret token"]);
}

#[test]
fn a_secrets_value_shows_nowhere_and_its_digest_differs_between_stacks() {
    let fields = json!({ "secrets": [{ "source": "token", "target": "/run/secrets/token" }] });
    let services = json!({ "web": with_defaults(fields) });
    let one = render(&project(&services), &tree(), &context(), &Builds::default()).expect("it renders");
    assert!(!format!("{one:?}").contains("hunter2"));
    let mut other = context();
    other.owner.stack = StackName::new("other").expect("a name");
    let two = render(&project(&services), &tree(), &other, &Builds::default()).expect("it renders");
    let digest = |desired: &Desired| desired.services.values().next().expect("one service").digest.clone();
    assert_ne!(digest(&one), digest(&two));
    let mut changed = project(&services);
    changed.environment.insert("TOKEN".into(), "hunter3".into());
    assert_ne!(
        digest(&one),
        digest(&render(&changed, &tree(), &context(), &Builds::default()).expect("it renders"))
    );
}

#[test]
fn secrets_and_configs_that_cannot_be_had_are_refused() {
    let secret = |name: &str| json!({ "secrets": [{ "source": name, "target": "/run/secrets/x" }] });
    let text = "secrets.unset.environment: \
                environment variable `UNSET`, which secret `unset` is taken from, is not set";
    assert_eq!(messages(&errors(secret("unset"))), [text]);
    let text = "secrets.swarm.external: `external` of a secret needs a swarm, which is not supported";
    assert_eq!(messages(&errors(secret("swarm"))), [text]);
    let read_only = json!({ "read_only": true, "configs": [{ "source": "motd", "target": "/motd" }] });
    let text =
        "services.web.configs[0]: config `motd` cannot be copied into a container with a read-only root";
    assert_eq!(messages(&errors(read_only)), [text]);
    let owner = json!({ "configs": [{ "source": "motd", "target": "/motd", "uid": "root" }] });
    let text = "services.web.configs[0]: `uid` of config `motd` is not a number";
    assert_eq!(messages(&errors(owner)), [text]);
}

#[test]
fn a_file_that_is_not_committed_is_warned_of_for_it_must_be_on_the_host() {
    let mut project = project(&json!({ "web": with_defaults(json!({})) }));
    let warned = |project: &Project| messages(&warnings(project, &tree(), &context()));
    assert_eq!(warned(&project), Vec::<String>::new());
    project.secrets.get_mut("key").expect("a secret").file = "/r/app/private.pem".into();
    let text =
        "secrets.key.file: the repository has no such file: it must be on the host as /r/app/private.pem";
    assert_eq!(warned(&project), [text]);
    project.secrets.get_mut("key").expect("a secret").file = "/etc/ssl/private.pem".into();
    assert_eq!(warned(&project), Vec::<String>::new());
}

#[test]
fn owners_of_files_of_the_host_are_ignored_with_a_warning() {
    let fields = json!({ "secrets": [{ "source": "key", "target": "/run/secrets/key", "mode": "0400" }] });
    let project = project(&json!({ "web": with_defaults(fields) }));
    let text =
        "services.web.secrets[0]: `uid`, `gid` and `mode` of `key` are ignored: it is a file of the host";
    assert_eq!(messages(&warnings(&project, &tree(), &context())), [text]);
}
