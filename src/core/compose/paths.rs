//! Stage: relative paths become absolute.

use super::report::Report;
use crate::core::model::normalise;
use crate::core::yaml::Map;
use crate::core::yaml::Node;
use crate::core::yaml::Path;
use crate::core::yaml::Value;

/// What relative paths are resolved against.
#[derive(Debug, Clone, Copy)]
pub(super) struct Base<'a> {
    /// The folder.
    pub(super) folder: &'a str,
    /// The user's home, which `~` stands for.
    pub(super) home: Option<&'a str>,
}

/// Makes the paths of a whole tree absolute.
pub(super) fn resolve(root: &mut Node, base: Base<'_>, report: &mut Report) {
    let path = Path::TOP.key("services");
    let services = root.get_mut("services").and_then(Node::as_map_mut);
    for (name, node) in services.into_iter().flat_map(Map::iter_mut) {
        service(node, base, &path.key(name), report);
    }
    for section in ["configs", "secrets"] {
        let objects = root.get_mut(section).and_then(Node::as_map_mut);
        for (_, object) in objects.into_iter().flat_map(Map::iter_mut) {
            base.host_path(object.get_mut("file"));
        }
    }
    let volumes = root.get_mut("volumes").and_then(Node::as_map_mut);
    for (_, volume) in volumes.into_iter().flat_map(Map::iter_mut) {
        let text = |node: Option<&Node>| node.and_then(Node::as_str).map(str::to_owned);
        if text(volume.get("driver")).as_deref() == Some("local")
            && let Some(options) = volume.get_mut("driver_opts")
            && text(options.get("o")).as_deref() == Some("bind")
        {
            base.host_path(options.get_mut("device"));
        }
    }
}

fn service(service: &mut Node, base: Base<'_>, path: &Path<'_>, report: &mut Report) {
    if let Some(build) = service.get_mut("build") {
        base.context(build.get_mut("context"));
        let contexts = build.get_mut("additional_contexts").and_then(Node::as_map_mut);
        for (_, context) in contexts.into_iter().flat_map(Map::iter_mut) {
            base.context(Some(context));
        }
        match build.get_mut("ssh").map(|keys| &mut keys.value) {
            Some(Value::Map(keys)) => keys.iter_mut().for_each(|(_, key)| base.host_path(Some(key))),
            Some(Value::List(keys)) => keys.iter_mut().for_each(|key| base.ssh_key(key)),
            _ => {}
        }
    }
    for file in service.get_mut("env_file").and_then(Node::as_list_mut).into_iter().flatten() {
        base.path(file.get_mut("path"));
    }
    for file in service.get_mut("label_file").and_then(Node::as_list_mut).into_iter().flatten() {
        base.path(Some(file));
    }
    base.path(service.get_mut("extends").and_then(|extends| extends.get_mut("file")));
    let watch = service.get_mut("develop").and_then(|develop| develop.get_mut("watch"));
    for rule in watch.and_then(Node::as_list_mut).into_iter().flatten() {
        base.path(rule.get_mut("path"));
    }
    let mounts = service.get_mut("volumes").and_then(Node::as_list_mut);
    for (index, mount) in mounts.into_iter().flatten().enumerate() {
        if mount.get("type").and_then(Node::as_str) != Some("bind") {
            continue;
        }
        if mount.get("source").is_none_or(Node::is_null) {
            let path = path.key("volumes");
            let message = "invalid mount config for type \"bind\": field Source must not be empty";
            report.error("missing-key", mount.span, &path.index(index), message);
        }
        base.host_path(mount.get_mut("source"));
    }
}

impl Base<'_> {
    fn expand(&self, path: &str) -> String {
        match (path.strip_prefix('~'), self.home) {
            (Some(rest), Some(home)) => super::canonical::clean(&format!("{home}/{rest}")),
            _ => path.to_owned(),
        }
    }

    /// A path on this host.
    fn path(&self, node: Option<&mut Node>) {
        let Some(Value::Text(text)) = node.map(|node| &mut node.value) else { return };
        *text = self.expand(text);
        if !text.is_empty() && !text.starts_with('/') {
            *text = normalise(self.folder, text);
        }
    }

    /// A path on the engine's host, which may be of another system.
    fn host_path(&self, node: Option<&mut Node>) {
        let Some(Value::Text(text)) = node.map(|node| &mut node.value) else { return };
        *text = self.expand(text);
        if !text.starts_with('/') && !is_windows_absolute(text) {
            *text = normalise(self.folder, text);
        }
    }

    /// A key for a build, in the form `id=path`.
    fn ssh_key(&self, key: &mut Node) {
        let Some((id, path)) = key.as_str().and_then(|text| text.split_once('=')) else { return };
        let mut path = Node::text(key.span, path);
        self.host_path(Some(&mut path));
        key.value = Value::Text(format!("{id}={}", path.as_str().unwrap_or_default()));
    }

    /// A build context, which may be elsewhere.
    fn context(&self, node: Option<&mut Node>) {
        const REMOTE: [&str; 7] =
            ["https://", "http://", "git://", "ssh://", "github.com/", "git@", "service:"];
        let Some(node) = node else { return };
        let elsewhere =
            |text: &str| text.contains("://") || REMOTE.iter().any(|prefix| text.starts_with(prefix));
        if !node.as_str().is_some_and(elsewhere) {
            self.path(Some(node));
        }
    }
}

/// Whether the text is a drive with a path, or a path to a server or pipe.
fn is_windows_absolute(text: &str) -> bool {
    let bytes = text.as_bytes();
    let slash = |byte: Option<&u8>| matches!(byte, Some(b'/' | b'\\'));
    let drive = bytes.first().is_some_and(u8::is_ascii_alphabetic)
        && bytes.get(1) == Some(&b':')
        && slash(bytes.get(2));
    drive || (slash(bytes.first()) && slash(bytes.get(1)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::yaml::Span;

    #[test]
    fn paths_are_resolved_by_their_kind() {
        let base = Base { folder: "/p", home: Some("/home/u") };
        let path = |text: &str| {
            let mut node = Node::text(Span::default(), text);
            base.path(Some(&mut node));
            node.scalar_text().unwrap_or_default()
        };
        assert_eq!(
            [path("a/../b"), path("~/x"), path("/q/../r"), path("")],
            ["/p/b", "/home/u/x", "/q/../r", ""]
        );
        let context = |text: &str| {
            let mut node = Node::text(Span::default(), text);
            base.context(Some(&mut node));
            node.scalar_text().unwrap_or_default()
        };
        assert_eq!(
            [context("."), context("docker-image://x"), context("git@x")],
            ["/p", "docker-image://x", "git@x"]
        );
        let mut node = Node::text(Span::default(), "c:\\x");
        base.host_path(Some(&mut node));
        assert_eq!(node.as_str(), Some("c:\\x"));
    }
}
