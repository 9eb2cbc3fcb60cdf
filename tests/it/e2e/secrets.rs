//! Secrets reach the containers that are given them, and nothing else.

use std::fs;
use std::path::Path;
use std::path::PathBuf;

use crate::harness::World;
use crate::harness::receiver::KEY;

const PASSWORD: &str = "canary-of-the-environment";
const TOKEN: &str = "canary-of-the-secret-file";

const SERVICES: &str = r#"
services:
  web:
    image: evenkeel-test/web:IMAGE
    environment: {PASSWORD: "${PASSWORD}"}
    secrets: [token]
    command: [sh, -c, "echo with $$PASSWORD and $$(cat /run/secrets/token) >&2; httpd -f -p 8080 -h /www"]
secrets:
  token: {file: ./token}
"#;

fn files_in(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files_in(&path, found);
        } else {
            found.push(path);
        }
    }
}

#[test]
fn a_secret_is_in_no_log_database_webhook_or_output() {
    let mut world = World::new();
    world.repo.write("shop/.env", &format!("PASSWORD={PASSWORD}\n")).write("shop/token", TOKEN);
    let first = world.push(&SERVICES.replace("IMAGE", "1"), "works");
    world.start();
    world.until_stable(&first);
    let web = world.name_of("web");
    assert_eq!(world.docker.exec(&web, &["sh", "-c", "echo $PASSWORD"]).as_deref(), Some(PASSWORD));
    assert_eq!(world.docker.exec(&web, &["cat", "/run/secrets/token"]).as_deref(), Some(TOKEN));

    // One whose health check and log tell them, and that fails.
    let check = r#"    healthcheck: {test: [CMD-SHELL, "echo $$PASSWORD; cat /run/secrets/token; false"], interval: 1s, retries: 1}"#;
    let leaking = SERVICES
        .replace("IMAGE", "2")
        .replace("    secrets: [token]", &format!("{check}\n    secrets: [token]"));
    let bad = world.push(&leaking, "tells its secrets");
    world.receiver.until("deploy.rolled_back", &bad);
    let changed = world.repo.write("shop/.env", &format!("PASSWORD={PASSWORD}-2\n")).push("a new password");
    world.receiver.until("deploy.rolled_back", &changed);

    let mut seen = vec![("log".to_owned(), world.log())];
    for arguments in [&["get"][..], &["history"], &["events"], &["events", "--output", "json"]] {
        let said = world.evenkeel(arguments);
        assert_eq!(said.code, Some(0), "{arguments:?}: {said:?}");
        seen.push((arguments.join(" "), said.stdout + &said.stderr));
    }
    let plan = world.evenkeel(&["plan", "--repo", &world.repo.url(), "--instance", &world.name]);
    seen.push(("plan".into(), plan.stdout + &plan.stderr));
    for event in world.receiver.events() {
        seen.push((event.kind.clone(), event.text()));
    }
    let mut files = Vec::new();
    files_in(&world.data(), &mut files);
    files.retain(|path| !path.strip_prefix(world.data()).is_ok_and(|inside| inside.starts_with("stacks")));
    assert!(files.len() > 3, "the data folder holds a mirror and a database: {files:?}");
    for path in files {
        let bytes = fs::read(&path).expect("a readable file");
        seen.push((path.display().to_string(), String::from_utf8_lossy(&bytes).into_owned()));
    }
    for (place, text) in seen {
        for secret in [PASSWORD, TOKEN, KEY, "url-canary"] {
            assert!(!text.contains(secret), "`{secret}` is in {place}");
        }
    }
}
