//! Credentials for registries, from where `docker login` keeps them: the Docker configuration file and the helper
//! programs that it names. Read anew for each pull, so that a rotated token needs no restart.
//!
//! Values leave this module in the header of a pull and nowhere else.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use base64::engine::general_purpose::URL_SAFE;
use serde_json::Value;
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::core::model::Secret;
use crate::core::model::registry_of;

/// How long a helper program may take.
const HELPER_DEADLINE: Duration = Duration::from_secs(15);

/// The name that Docker's own registry has in the configuration file.
const DOCKER_HUB: &str = "https://index.docker.io/v1/";

/// What a helper calls a user that stands for a token.
const TOKEN_USER: &str = "<token>";

/// Where credentials are looked for.
#[derive(Debug, Clone)]
pub(super) struct Credentials {
    file: Option<PathBuf>,
}

impl Credentials {
    /// Looks in `$DOCKER_CONFIG/config.json`, else in `~/.docker/config.json`, as Docker's own tools do.
    pub(super) fn of_environment() -> Self {
        let folder = |name: &str| std::env::var_os(name).filter(|path| !path.is_empty()).map(PathBuf::from);
        let file = folder("DOCKER_CONFIG").or_else(|| Some(folder("HOME")?.join(".docker")));
        Self { file: file.map(|folder| folder.join("config.json")) }
    }

    #[cfg(test)]
    pub(super) fn in_file(file: PathBuf) -> Self {
        Self { file: Some(file) }
    }

    /// Returns the value of `X-Registry-Auth` for an image's registry; `None` if nothing is said of that registry.
    ///
    /// # Errors
    /// Fails if the file or a helper that it names cannot be used: the text says why. Not if there is no file.
    pub(super) async fn header(&self, image: &str) -> Result<Option<Secret>, String> {
        Ok(self
            .login(image)
            .await?
            .map(|(server, login)| Secret::new(URL_SAFE.encode(login.body(&server).expose()))))
    }

    /// Returns the value of `X-Registry-Config` for the registries of images that a build begins from; `None` if nothing
    /// is said of any of them.
    ///
    /// # Errors
    /// Fails as [`Self::header`] does.
    pub(super) async fn of_all(&self, images: impl Iterator<Item = &str>) -> Result<Option<Secret>, String> {
        let mut known = Vec::new();
        for image in images {
            known.extend(self.login(image).await?);
        }
        let entry =
            |(server, login): &(String, Login)| format!("{}:{}", json!(server), login.body(server).expose());
        let entries: Vec<String> = known.iter().map(entry).collect();
        Ok((!entries.is_empty()).then(|| Secret::new(URL_SAFE.encode(format!("{{{}}}", entries.join(","))))))
    }

    async fn login(&self, image: &str) -> Result<Option<(String, Login)>, String> {
        let Some(file) = &self.file else { return Ok(None) };
        let bytes = match tokio::fs::read(file).await {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(format!("{} cannot be read: {error}", file.display())),
        };
        // What serde says of a mistake can quote the file.
        let config: Value = serde_json::from_slice(&bytes)
            .map_err(|error| format!("{}:{}: this is no JSON", file.display(), error.line()))?;
        let registry = registry_of(image);
        let server = if registry == "docker.io" { DOCKER_HUB } else { registry };
        let found = match helper_for(&config, server) {
            Some(helper) => from_helper(&helper, server).await?,
            None => in_file(&config, server).map_err(|why| format!("{}: {why}", file.display()))?,
        };
        Ok(found.map(|login| (server.to_owned(), login)))
    }
}

/// Who to log in as.
struct Login {
    user: String,
    password: Secret,
    /// A token to be exchanged for others, instead of user and password.
    identity: Secret,
}

impl Login {
    fn of_user(user: &str, password: &str) -> Self {
        Self { user: user.to_owned(), password: Secret::new(password), identity: Secret::new("") }
    }

    fn of_token(token: &str) -> Self {
        Self { user: String::new(), password: Secret::new(""), identity: Secret::new(token) }
    }

    /// Returns the JSON that an engine takes.
    fn body(&self, server: &str) -> Secret {
        let body = match self.identity.is_empty() {
            true => json!({
                "username": self.user, "password": self.password.expose(), "serveraddress": server
            }),
            false => json!({ "identitytoken": self.identity.expose(), "serveraddress": server }),
        };
        Secret::new(body.to_string())
    }
}

/// Returns the helper that keeps a registry's credentials, if one does.
fn helper_for(config: &Value, server: &str) -> Option<String> {
    let own = config.get("credHelpers").and_then(Value::as_object).and_then(|helpers| {
        helpers.iter().find(|(key, _)| host(key) == host(server)).and_then(|(_, helper)| helper.as_str())
    });
    let helper = own.or_else(|| config.get("credsStore")?.as_str())?;
    (!helper.is_empty()).then(|| helper.to_owned())
}

/// Looks into the file itself.
fn in_file(config: &Value, server: &str) -> Result<Option<Login>, String> {
    let Some(auths) = config.get("auths").and_then(Value::as_object) else { return Ok(None) };
    let exact = auths.get_key_value(server);
    let Some((key, entry)) = exact.or_else(|| auths.iter().find(|(key, _)| host(key) == host(server))) else {
        return Ok(None);
    };
    let text = |name: &str| entry.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    if let Some(token) = text("identitytoken") {
        return Ok(Some(Login::of_token(token)));
    }
    if let Some(auth) = text("auth") {
        let decoded = STANDARD.decode(auth).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let pair = decoded.as_deref().and_then(|pair| pair.split_once(':'));
        let (user, password) =
            pair.ok_or_else(|| format!("the `auth` of {key} cannot be read: log in anew"))?;
        return Ok(Some(Login::of_user(user, password.trim_end_matches('\0'))));
    }
    Ok(text("username").map(|user| Login::of_user(user, text("password").unwrap_or_default())))
}

/// Asks a helper program, as Docker's own tools do: `docker-credential-NAME get`, the server on its input.
async fn from_helper(helper: &str, server: &str) -> Result<Option<Login>, String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if !helper.bytes().all(plain) {
        return Err(format!("`{helper}` is no name of a credential helper"));
    }
    let program = format!("docker-credential-{helper}");
    let output = tokio::time::timeout(HELPER_DEADLINE, ask(&program, server)).await;
    let output = output
        .map_err(|_| format!("{program} did not answer within {} s", HELPER_DEADLINE.as_secs()))?
        .map_err(|error| format!("{program} cannot be run: {error}"))?;
    let answer = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        // It says so on its standard output.
        let unknown = answer.contains("credentials not found");
        return if unknown { Ok(None) } else { Err(format!("{program} failed: {}", output.status)) };
    }
    let answer: Value =
        serde_json::from_str(&answer).map_err(|_| format!("{program} did not answer in JSON"))?;
    let text = |name: &str| answer.get(name).and_then(Value::as_str).unwrap_or_default();
    Ok(Some(match text("Username") {
        TOKEN_USER => Login::of_token(text("Secret")),
        user => Login::of_user(user, text("Secret")),
    }))
}

async fn ask(program: &str, server: &str) -> std::io::Result<std::process::Output> {
    let mut child = Command::new(program)
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    if let Some(mut input) = child.stdin.take() {
        // A helper that answers without reading closes its end.
        input.write_all(server.as_bytes()).await.ok();
    }
    child.wait_with_output().await
}

/// Returns the host of a registry as the file writes them: with a scheme and a path, or bare.
fn host(key: &str) -> &str {
    let bare = key.split_once("://").map_or(key, |(_, rest)| rest);
    bare.split('/').next().unwrap_or(bare)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    async fn login(config: &Value, image: &str) -> Result<Option<Value>, String> {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("config.json");
        std::fs::write(&file, config.to_string()).expect("a file");
        let header = Credentials::in_file(file).header(image).await?;
        Ok(header.map(|header| {
            let bytes = URL_SAFE.decode(header.expose()).expect("base64");
            serde_json::from_slice(&bytes).expect("JSON")
        }))
    }

    #[tokio::test]
    async fn a_registrys_login_is_found_however_it_is_written() {
        let auth = STANDARD.encode("me:s:3cret");
        let config = json!({ "auths": {
            "https://index.docker.io/v1/": { "auth": STANDARD.encode("hub:pw") },
            "https://ghcr.io/v2/": { "auth": auth },
            "registry.example.org:5000": { "identitytoken": "t0ken" },
            "quay.io": {},
        } });
        let of = |image: &'static str| {
            let config = config.clone();
            async move { login(&config, image).await.expect("readable") }
        };
        let hub = json!({ "username": "hub", "password": "pw", "serveraddress": DOCKER_HUB });
        assert_eq!(of("nginx").await, Some(hub.clone()));
        assert_eq!(of("docker.io/me/app:1").await, Some(hub));
        let ghcr = json!({ "username": "me", "password": "s:3cret", "serveraddress": "ghcr.io" });
        assert_eq!(of("ghcr.io/me/app:1").await, Some(ghcr));
        let token = json!({ "identitytoken": "t0ken", "serveraddress": "registry.example.org:5000" });
        assert_eq!(of("registry.example.org:5000/app@sha256:ab").await, Some(token));
        assert_eq!(of("quay.io/me/app").await, None);
        assert_eq!(of("other.example.org/app").await, None);
    }

    #[tokio::test]
    async fn what_is_wrong_with_the_file_is_said_without_quoting_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("config.json");
        let credentials = Credentials::in_file(file.clone());
        assert!(matches!(credentials.header("nginx").await, Ok(None)), "no file is no fault");
        std::fs::write(&file, "{\n \"auths\": s3cret").expect("a file");
        let Err(why) = credentials.header("nginx").await else { panic!("it is no JSON") };
        assert!(why.ends_with("config.json:2: this is no JSON"), "{why}");
        let broken = json!({ "auths": { "ghcr.io": { "auth": "s3cret!" } } });
        let why = login(&broken, "ghcr.io/a/b").await.expect_err("no base64");
        assert!(why.ends_with("the `auth` of ghcr.io cannot be read: log in anew"), "{why}");
    }

    /// A helper in a folder of its own, by its path: a name with slashes is never taken from a file.
    #[tokio::test]
    async fn a_helper_is_asked_for_the_server_on_its_input() {
        let folder = tempfile::tempdir().expect("a folder");
        let program = folder.path().join("helper");
        let script = "#!/bin/sh\nread -r server\n[ \"$1 $server\" = 'get ghcr.io' ] || { echo 'credentials not found in \
                      native keychain'; exit 1; }\necho '{\"Username\":\"me\",\"Secret\":\"pw\"}'\n";
        std::fs::write(&program, script).expect("a file");
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).expect("a mode");
        let program = program.to_string_lossy();
        let known = ask(&program, "ghcr.io").await.expect("it runs");
        assert_eq!(String::from_utf8_lossy(&known.stdout).trim(), r#"{"Username":"me","Secret":"pw"}"#);
        assert_eq!(ask(&program, "quay.io").await.expect("it runs").status.code(), Some(1));
        assert_eq!(
            from_helper("../x", "ghcr.io").await.err().as_deref(),
            Some("`../x` is no name of a credential helper")
        );
        let missing = from_helper("not-here-at-all", "ghcr.io").await.err().expect("there is none");
        assert!(missing.starts_with("docker-credential-not-here-at-all cannot be run"), "{missing}");
    }

    #[test]
    fn a_registrys_own_helper_goes_before_the_common_one() {
        let config = json!({ "credsStore": "pass", "credHelpers": { "ghcr.io": "gh" } });
        assert_eq!(helper_for(&config, "ghcr.io").as_deref(), Some("gh"));
        assert_eq!(helper_for(&config, DOCKER_HUB).as_deref(), Some("pass"));
        assert_eq!(helper_for(&json!({ "auths": {} }), "ghcr.io"), None);
    }
}
