//! Secrets and configs in a container: files of the host are mounted read-only, all others are copied in.

use super::Archive;
use super::View;
use super::api_socket;
use super::findings::Findings;
use super::request::BindOptions;
use super::request::Mount;
use crate::core::compose::types::FileObject;
use crate::core::compose::types::FileReference;
use crate::core::model::Secret;

/// What a service's secrets and configs come to.
#[derive(Default)]
pub(super) struct Provided {
    /// Those with a file on the host.
    pub(super) mounts: Vec<Mount>,
    /// Those with a content, and the name that the user knows it by.
    pub(super) archives: Vec<(String, Archive)>,
}

/// Secrets and configs differ in their names and in the folder that relative targets are in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Secret,
    Config,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::Config => "config",
        }
    }

    fn folder(self) -> &'static str {
        match self {
            Self::Secret => "/run/secrets",
            Self::Config => "",
        }
    }
}

/// Who can read a file that was copied in and has no `mode`.
const DEFAULT_MODE: u32 = 0o444;

/// Returns what the service's secrets and configs come to.
pub(super) fn provided(view: &View<'_>, findings: &mut Findings<'_>) -> Provided {
    let mut provided = Provided::default();
    let secrets = view.service.secrets.iter().enumerate().map(|item| (Kind::Secret, item));
    let configs = view.service.configs.iter().enumerate().map(|item| (Kind::Config, item));
    for (kind, (index, reference)) in secrets.chain(configs) {
        let objects = match kind {
            Kind::Secret => &view.project.secrets,
            Kind::Config => &view.project.configs,
        };
        let for_socket = (reference.source == api_socket::CONFIG).then(api_socket::config);
        let Some(object) = for_socket.as_ref().or_else(|| objects.get(&reference.source)) else { continue };
        let path = view.path(&format!("{}s[{index}]", kind.word()));
        if is_refused(kind, &reference.source, object, findings) {
            continue;
        }
        match content(view, kind, &reference.source, object) {
            Ok(None) => provided.mounts.push(mount(kind, reference, object)),
            Ok(Some(content)) if content.is_empty() => {}
            Ok(Some(_)) if view.service.read_only => {
                let message = format!(
                    "{} `{}` cannot be copied into a container with a read-only root",
                    kind.word(),
                    reference.source
                );
                findings.error("read-only", &path, message, "give it a `file`, or drop `read_only`");
            }
            Ok(Some(content)) => match archive(kind, reference, content) {
                Ok(archive) => {
                    provided.archives.push((format!("{} {}", kind.word(), reference.source), archive));
                }
                Err(message) => findings.error("invalid-value", &path, message, "write it as a number"),
            },
            Err(variable) => {
                let message = format!(
                    "environment variable `{variable}`, which {} `{}` is taken from, is not set",
                    kind.word(),
                    reference.source
                );
                let path = format!("{}s.{}.environment", kind.word(), reference.source);
                findings.error("unset-variable", &path, message, "set it, or give the value as a `file`");
            }
        }
    }
    provided
}

fn is_refused(kind: Kind, key: &str, object: &FileObject, findings: &mut Findings<'_>) -> bool {
    let field = if object.external {
        "external"
    } else if !object.driver.is_empty() {
        "driver"
    } else if !object.template_driver.is_empty() {
        "template_driver"
    } else {
        return false;
    };
    let path = format!("{}s.{key}.{field}", kind.word());
    let message = format!("`{field}` of a {} needs a swarm, which is not supported", kind.word());
    findings.error("not-supported", &path, message, "give it a `file` or an `environment` variable");
    true
}

/// Returns the content that is to be copied in, `None` for a file of the host, or the variable that is not set.
fn content(view: &View<'_>, kind: Kind, key: &str, object: &FileObject) -> Result<Option<Secret>, String> {
    if kind == Kind::Config && !object.content.is_empty() {
        return Ok(Some(Secret::new(object.content.as_str())));
    }
    if object.environment.is_empty() {
        return Ok(None);
    }
    let value = match kind {
        Kind::Secret => view.project.secret_value(key),
        Kind::Config => view.project.environment.get(&object.environment).map(|v| Secret::new(v.as_str())),
    };
    value.map(Some).ok_or_else(|| object.environment.clone())
}

fn target(kind: Kind, reference: &FileReference) -> String {
    match reference.target.as_str() {
        "" => format!("{}/{}", kind.folder(), reference.source),
        absolute if absolute.starts_with('/') => absolute.into(),
        relative => format!("{}/{relative}", kind.folder()),
    }
}

fn mount(kind: Kind, reference: &FileReference, object: &FileObject) -> Mount {
    Mount {
        kind: "bind".into(),
        source: object.file.clone(),
        target: target(kind, reference),
        read_only: true,
        bind_options: (kind == Kind::Secret).then(BindOptions::default),
        ..Mount::default()
    }
}

fn archive(kind: Kind, reference: &FileReference, content: Secret) -> Result<Archive, String> {
    let id = |field: &str, text: &str| match text {
        "" => Ok(0),
        text => text
            .parse()
            .map_err(|_| format!("`{field}` of {} `{}` is not a number", kind.word(), reference.source)),
    };
    let mode = reference.mode.map_or(Ok(DEFAULT_MODE), |mode| {
        u32::try_from(mode.0).map_err(|_| format!("`mode` of {} is negative", reference.source))
    })?;
    Ok(Archive {
        path: target(kind, reference),
        content,
        uid: id("uid", &reference.uid)?,
        gid: id("gid", &reference.gid)?,
        mode,
    })
}
