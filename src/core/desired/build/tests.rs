//! What is sent to a builder, what it is called, and what is refused, on trees in memory.

use serde_json::Value;
use serde_json::json;

use super::*;
use crate::core::compose::types::Service as ServiceType;
use crate::core::model::Entry;
use crate::core::model::MemoryTree;

/// A tree in memory with links and executable files.
struct Linked {
    files: MemoryTree,
    links: BTreeMap<String, String>,
    executable: BTreeSet<String>,
    odd: BTreeSet<String>,
}

impl Tree for Linked {
    fn read(&self, path: &str) -> Result<Vec<u8>, TreeError> {
        self.files.read(path)
    }

    fn kind(&self, path: &str) -> Result<Option<EntryKind>, TreeError> {
        if !path.starts_with("/r/") {
            return Err(TreeError::Outside);
        }
        self.files.kind(path)
    }

    fn list(&self, path: &str) -> Result<Vec<Entry>, TreeError> {
        let mut entries = self.files.list(path)?;
        for entry in &mut entries {
            let at = format!("{path}/{}", entry.name);
            if self.executable.contains(&at) {
                entry.kind = EntryKind::File { executable: true };
            } else if self.links.contains_key(&at) {
                entry.kind = EntryKind::Symlink;
            } else if self.odd.contains(&at) {
                entry.kind = EntryKind::Other;
            }
        }
        Ok(entries)
    }

    fn link(&self, path: &str) -> Result<String, TreeError> {
        self.links.get(path).cloned().ok_or(TreeError::NotFound)
    }
}

const FILES: [(&str, &str); 6] = [
    ("/r/app/web/Dockerfile", "FROM busybox\nCOPY . /\n"),
    ("/r/app/web/run.sh", "#!/bin/sh"),
    ("/r/app/web/src/main", "main"),
    ("/r/app/web/link", ""),
    ("/r/app/web/.git/config", "x"),
    ("/r/app/web/node_modules/a/b", "b"),
];

fn tree_of(files: &[(&str, &str)]) -> Arc<dyn Tree> {
    let files = FILES.iter().chain(files).copied();
    Arc::new(Linked {
        files: MemoryTree::new(files),
        links: [("/r/app/web/link".to_owned(), "../../etc/passwd".to_owned())].into(),
        executable: ["/r/app/web/run.sh".to_owned()].into(),
        odd: ["/r/app/web/odd".to_owned()].into(),
    })
}

fn project(services: &[(&str, Value)]) -> Project {
    let mut project = Project::default();
    project.name = "app".into();
    project.working_dir = "/r/app".into();
    for (name, service) in services {
        let service: ServiceType = serde_json::from_value(service.clone()).expect("a service");
        project.services.insert((*name).into(), Box::new(service));
    }
    project
}

fn read(
    services: &[(&str, Value)],
    files: &[(&str, &str)],
) -> Result<(Builds, Vec<Diagnostic>), Vec<Diagnostic>> {
    Builds::read(&project(services), &tree_of(files), "2.40.3")
}

fn image(build: &Value, files: &[(&str, &str)]) -> Arc<ImageBuild> {
    let (builds, _) = read(&[("web", json!({ "build": build }))], files).expect("it is read");
    builds.by_image["app-web:latest"].clone()
}

fn web(files: &[(&str, &str)]) -> Arc<ImageBuild> {
    image(&json!({ "context": "web" }), files)
}

fn listed(build: &ImageBuild) -> String {
    let line = |(path, entry): (&String, &ContextEntry)| match entry {
        ContextEntry::Folder => format!("{path}/"),
        ContextEntry::Link(target) => format!("{path} -> {target}"),
        ContextEntry::Made(text) => format!("{path} = {text:?}"),
        ContextEntry::File { executable: true, .. } => format!("{path} (executable)"),
        ContextEntry::File { .. } => path.clone(),
    };
    build.context.entries().iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Why nothing is built, with codes, sorted by path. The first is what the service's image is refused with.
fn errors(build: &Value, files: &[(&str, &str)]) -> String {
    let (builds, found) = read(&[("web", json!({ "build": build }))], files).expect("the image may be here");
    assert!(builds.by_image.is_empty() && found.iter().all(|found| found.severity == Severity::Warning));
    assert!(!builds.why_not("web").expect("a reason").is_empty());
    texts(&found)
}

fn texts(found: &[Diagnostic]) -> String {
    let text = |error: &Diagnostic| match &error.place {
        Some(place) => format!("{place} {} {}: {}", error.code, error.path, error.message),
        None => format!("{} {}: {}", error.code, error.path, error.message),
    };
    found.iter().map(text).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_context_is_all_that_is_in_its_folder_but_git() {
    let build = web(&[]);
    insta::assert_snapshot!(listed(&build), @r"
    Dockerfile
    link -> ../../etc/passwd
    node_modules/
    node_modules/a/
    node_modules/a/b
    run.sh (executable)
    src/
    src/main
    ");
    assert_eq!(build.options.dockerfile, "Dockerfile");
    assert_eq!(build.names, ["app-web"]);
    assert_eq!(build.tag, format!("app-web:evenkeel-{}", &build.digest[..16]));
    assert_eq!(build.shown, "./web");
    assert_eq!(build.bases.iter().collect::<Vec<_>>(), ["busybox"]);
}

#[test]
fn what_is_ignored_is_not_sent_and_the_folders_of_what_is_are() {
    let ignore = ("/r/app/web/.dockerignore", "*\n!src\n!node_modules/a/b\n");
    insta::assert_snapshot!(listed(&web(&[ignore])), @r#"
    .dockerignore = ".dockerignore\n.evenkeel.dockerfile\n"
    .evenkeel.dockerfile = "FROM busybox\nCOPY . /\n"
    node_modules/
    node_modules/a/
    node_modules/a/b
    src/
    src/main
    "#);
    let own = ("/r/app/web/Dockerfile.dockerignore", "**/b\n*.sh\n");
    insta::assert_snapshot!(listed(&web(&[ignore, own])), @r"
    .dockerignore
    Dockerfile
    Dockerfile.dockerignore
    link -> ../../etc/passwd
    node_modules/
    node_modules/a/
    src/
    src/main
    ");
}

#[test]
fn a_dockerfile_from_elsewhere_is_sent_and_taken_away_again() {
    let inline = json!({ "context": "web/src", "dockerfile_inline": "FROM scratch" });
    insta::assert_snapshot!(listed(&image(&inline, &[])), @r#"
    .dockerignore = ".dockerignore\n.evenkeel.dockerfile\n"
    .evenkeel.dockerfile = "FROM scratch"
    main
    "#);
    let files = [("/r/app/web/src/.dockerignore", "x"), ("/r/app/other.docker", "FROM scratch")];
    let build = image(&json!({ "context": "web/src", "dockerfile": "../../other.docker" }), &files);
    insta::assert_snapshot!(listed(&build), @r#"
    .dockerignore = "x\n.evenkeel.dockerfile\n"
    .evenkeel.dockerfile = "FROM scratch"
    main
    "#);
    assert_eq!(build.options.dockerfile, ".evenkeel.dockerfile");
}

#[test]
fn a_digest_changes_with_what_is_built_and_with_nothing_else() {
    let plain = web(&[]);
    let same: Vec<(Value, &[(&str, &str)])> = vec![
        (json!({ "context": "web" }), &[("/r/app/web/.git/HEAD", "y"), ("/r/app/other", "y")]),
        (json!({ "context": "./web/", "tags": ["x:1"], "dockerfile": "Dockerfile" }), &[]),
        (json!({ "context": "web", "labels": { "com.docker.compose.version": "1" } }), &[]),
    ];
    for (build, files) in same {
        assert_eq!(image(&build, files).digest, plain.digest, "{build}");
    }
    let others: Vec<(Value, &[(&str, &str)])> = vec![
        (json!({ "context": "web" }), &[("/r/app/web/src/main", "other")]),
        (json!({ "context": "web" }), &[("/r/app/web/src/more", "")]),
        (json!({ "context": "web" }), &[("/r/app/web/.dockerignore", "src")]),
        (json!({ "context": "web", "dockerfile_inline": "FROM busybox" }), &[]),
        (json!({ "context": "web", "args": { "A": "1" } }), &[]),
        (json!({ "context": "web", "args": { "A": "2" } }), &[]),
        (json!({ "context": "web", "target": "x" }), &[]),
        (json!({ "context": "web", "labels": { "A": "1" } }), &[]),
        (json!({ "context": "web", "platforms": ["linux/arm64"] }), &[]),
        (json!({ "context": "web", "network": "host" }), &[]),
        (json!({ "context": "web", "extra_hosts": ["a=1.1.1.1"] }), &[]),
        (json!({ "context": "web", "ulimits": { "nofile": 10 } }), &[]),
        (json!({ "context": "web", "shm_size": 1024 }), &[]),
        (json!({ "context": "web", "cache_from": ["x"] }), &[]),
        (json!({ "context": "web", "no_cache": true }), &[]),
        (json!({ "context": "web", "pull": true }), &[]),
        (json!({ "context": "web", "isolation": "hyperv" }), &[]),
    ];
    let mut digests = BTreeSet::from([plain.digest.clone()]);
    for (build, files) in others {
        assert!(digests.insert(image(&build, files).digest.clone()), "{build}");
    }
}

#[test]
fn arguments_are_never_printed() {
    let build = image(&json!({ "context": "web", "args": { "TOKEN": "hunter2", "UNSET": null } }), &[]);
    assert_eq!(build.options.args.keys().collect::<Vec<_>>(), ["TOKEN"]);
    assert_eq!(format!("{build:?}"), format!("ImageBuild({:?})", build.tag));
}

#[test]
fn a_file_that_changed_since_is_not_sent() {
    let build = web(&[]);
    let mut context = build.context.clone();
    let (path, entry) = context.entries().iter().find(|(path, _)| *path == "src/main").expect("there");
    let (path, entry) = (path.clone(), entry.clone());
    assert_eq!(context.content(&path, &entry), Ok(b"main".to_vec()));
    context.tree = tree_of(&[("/r/app/web/src/main", "else")]);
    let changed = context.content(&path, &entry).expect_err("changed");
    assert_eq!(changed.to_string(), "/r/app/web/src/main: has changed since the build was planned");
}

#[test]
fn what_is_missing_is_told_with_its_path() {
    insta::assert_snapshot!(errors(&json!({ "context": "none" }), &[]), @"no-context services.web.build.context: build context /r/app/none: no such file or directory");
    insta::assert_snapshot!(errors(&json!({ "context": "web/run.sh" }), &[]), @"no-context services.web.build.context: build context /r/app/web/run.sh: not a directory");
    insta::assert_snapshot!(errors(&json!({ "context": "web", "dockerfile": "Other" }), &[]), @"no-dockerfile services.web.build.dockerfile: Dockerfile /r/app/web/Other: no such file or directory");
    insta::assert_snapshot!(errors(&json!({ "context": "../.." }), &[]), @"no-context services.web.build.context: build context /: the path leaves the repository");
    insta::assert_snapshot!(errors(&json!({ "context": "https://forge.example/x.git" }), &[]), @"not-supported services.web.build.context: `https://forge.example/x.git` is not read: a context is a folder of the repository");
    let odd = [("/r/app/web/odd", "")];
    insta::assert_snapshot!(errors(&json!({ "context": "web" }), &odd), @"unreadable-context services.web.build.context: /r/app/web/odd: is a submodule, socket or device, which cannot be sent: name it in .dockerignore");
    let pattern = [("/r/app/web/.dockerignore", "a\n[b\n")];
    insta::assert_snapshot!(errors(&json!({ "context": "web" }), &pattern), @"/r/app/web/.dockerignore:2:1 bad-dockerignore services.web.build.context: `[b` is no pattern");
    let ignored = [("/r/app/web/odd", ""), ("/r/app/web/.dockerignore", "odd")];
    assert!(!listed(&web(&ignored)).contains("odd\n"));
}

#[test]
fn what_only_buildkit_can_do_is_refused() {
    let all = json!({
        "context": "web", "secrets": [{ "source": "a" }], "ssh": ["default"], "additional_contexts": { "a": "b" },
        "cache_to": ["type=inline"], "cache_from": ["type=registry,ref=x"], "entitlements": ["network.host"],
        "privileged": true, "platforms": ["linux/amd64", "linux/arm64"],
    });
    insta::assert_snapshot!(errors(&all, &[]), @r"
    not-supported services.web.build.additional_contexts: `build.additional_contexts` is not supported: that needs BuildKit, and Evenkeel uses the Engine's own builder
    not-supported services.web.build.cache_from: `build.cache_from` is not supported: that needs BuildKit, and Evenkeel uses the Engine's own builder
    not-supported services.web.build.cache_to: `build.cache_to` is not supported: that needs BuildKit, and Evenkeel uses the Engine's own builder
    not-supported services.web.build.entitlements: `build.entitlements` is not supported: that needs BuildKit, and Evenkeel uses the Engine's own builder
    not-supported services.web.build.platforms: `build.platforms` is not supported: that needs BuildKit, and Evenkeel uses the Engine's own builder
    not-supported services.web.build.privileged: `build.privileged` is not supported: that needs BuildKit, and Evenkeel uses the Engine's own builder
    not-supported services.web.build.secrets: `build.secrets` is not supported: that needs BuildKit, and Evenkeel uses the Engine's own builder
    not-supported services.web.build.ssh: `build.ssh` is not supported: that needs BuildKit, and Evenkeel uses the Engine's own builder
    ");
    let file = [("/r/app/web/Dockerfile", "FROM x\nRUN --mount=type=cache,target=/x true\n")];
    insta::assert_snapshot!(errors(&json!({ "context": "web" }), &file), @"/r/app/web/Dockerfile:2:5 needs-buildkit services.web.build.dockerfile: `RUN --mount` is not supported: that needs BuildKit, and Evenkeel uses the Engine's own builder");
    let inline = json!({ "context": "web", "dockerfile_inline": "FROM x\nRUN <<EOF\nEOF\n" });
    insta::assert_snapshot!(errors(&inline, &[]), @"needs-buildkit services.web.build.dockerfile_inline: a here-document after `RUN` is not supported: that needs BuildKit, and Evenkeel uses the Engine's own builder");
}

#[test]
fn what_builds_all_the_same_is_a_warning() {
    let file =
        [("/r/app/web/Dockerfile", "# syntax=docker/dockerfile:1\nFROM x\nARG TARGETARCH\nARG TARGETOS\n")];
    let build =
        json!({ "context": "web", "provenance": "true", "sbom": "false", "args": { "TARGETOS": "linux" } });
    let (_, warnings) = read(&[("web", json!({ "build": build }))], &file).expect("it is built");
    insta::assert_snapshot!(texts(&warnings), @r"
    ignored services.web.build.provenance: `build.provenance` is ignored: that needs BuildKit, and Evenkeel uses the Engine's own builder
    /r/app/web/Dockerfile:1:1 needs-buildkit services.web.build.dockerfile: `# syntax=` is ignored: that needs BuildKit, and Evenkeel uses the Engine's own builder
    /r/app/web/Dockerfile:3:5 needs-buildkit services.web.build.dockerfile: `TARGETARCH` is empty: BuildKit sets it, and Evenkeel uses the Engine's own builder
    ");
}

#[test]
fn services_of_one_image_share_its_build() {
    let build = json!({ "context": "web" });
    let services = [
        ("a", json!({ "image": "me/app:1", "build": build })),
        ("b", json!({ "image": "docker.io/me/app:1", "build": { "context": "web", "tags": ["me/app:x"] } })),
        ("worker", json!({ "image": "me/app:1" })),
        ("fresh", json!({ "image": "me/app:1", "pull_policy": "always" })),
        ("other", json!({ "image": "me/app:2" })),
        ("pulled", json!({ "image": "me/app:1", "build": build, "pull_policy": "daily" })),
    ];
    let (builds, _) = read(&services, &[]).expect("it is read");
    let project = project(&services);
    let built = |name: &str| {
        let service = &project.services[name];
        builds.of(service, &service.image).map(|build| build.names.join(" "))
    };
    let names = Some("me/app:1 me/app:x".to_owned());
    assert_eq!(
        ["a", "b", "worker", "fresh", "other", "pulled"].map(built),
        [names.clone(), names.clone(), names, None, None, None]
    );
    let tag = &builds.by_image["me/app:1"].tag;
    assert!(tag.starts_with("me/app:evenkeel-"), "{tag}");
}

#[test]
fn services_that_cannot_both_be_built_are_refused() {
    let services = [
        ("a", json!({ "image": "app:1", "build": { "context": "web" } })),
        ("b", json!({ "image": "app:1", "build": { "context": "web", "target": "x" } })),
        ("c", json!({ "image": "app@sha256:01", "build": { "context": "web" } })),
        ("d", json!({ "build": { "context": "web", "dockerfile_inline": "FROM app:1" } })),
    ];
    insta::assert_snapshot!(texts(&read(&services, &[]).expect_err("refused")), @r"
        built-twice services.b.build: another service builds `app:1` from something else
        not-supported services.d.build: `./web` begins from `app:1`, which this project builds too
        ");
}
