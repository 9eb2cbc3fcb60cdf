//! What Docker Compose accepts, but that bites later. Each finding has a code that can be silenced in
//! `x-evenkeel.lint.ignore`.

use super::load::Loaded;
use super::project::Project;
use super::types::Service;
use crate::core::diag::Diagnostic;
use crate::core::diag::did_you_mean;
use crate::core::yaml::Node;

/// The codes of all findings of this file.
const CODES: [&str; 6] = [
    "anonymous-volume",
    "no-healthcheck",
    "plain-secret",
    "port-on-internal-network",
    "unpinned-image",
    "writable-bind",
];

/// Returns what is worth a second look in a project that loads, sorted by place, without what it silences.
pub fn lint(loaded: &Loaded) -> Vec<Diagnostic> {
    let mut linter = Linter { project: &loaded.project, found: Vec::new() };
    for (name, service) in &loaded.project.services {
        linter.image(name, service);
        linter.mounts(name, service);
        linter.ports(name, service);
        linter.health(name, service);
        linter.secrets(name, service);
    }
    let ignored = linter.ignored(loaded);
    linter.found.retain(|finding| !ignored.iter().any(|code| code == finding.code));
    linter.found.sort_by(|a, b| a.place.cmp(&b.place));
    linter.found
}

struct Linter<'a> {
    project: &'a Project,
    found: Vec<Diagnostic>,
}

impl Linter<'_> {
    fn add(&mut self, code: &'static str, path: String, message: String, hint: &str) {
        let mut finding = Diagnostic::warning(code, message).hint(hint);
        finding.place = self.project.place(&path);
        self.found.push(finding.path(path));
    }

    /// Returns the codes to ignore; those that there are not are findings themselves.
    fn ignored(&mut self, loaded: &Loaded) -> Vec<String> {
        let list =
            loaded.extension("x-evenkeel").and_then(|extension| extension.node.get("lint")?.get("ignore"));
        let items = list.and_then(Node::as_list).unwrap_or_default();
        let codes: Vec<String> = items.iter().filter_map(Node::as_str).map(str::to_owned).collect();
        for (index, code) in codes.iter().enumerate().filter(|(_, code)| !CODES.contains(&code.as_str())) {
            let hint = match did_you_mean(code, CODES) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("there are {}", CODES.join(", ")),
            };
            let path = format!("x-evenkeel.lint.ignore[{index}]");
            self.add("unknown-lint", path, format!("there is no finding `{code}`"), &hint);
        }
        codes
    }

    fn image(&mut self, name: &str, service: &Service) {
        let image = &service.image;
        let tag = image.rsplit('/').next().and_then(|last| last.split_once(':')).map(|(_, tag)| tag);
        if image.is_empty() || image.contains('@') || tag.is_some_and(|tag| tag != "latest") {
            return;
        }
        let message = format!("the image {image} is whatever is newest on the day it is pulled");
        self.add("unpinned-image", format!("services.{name}.image"), message, "name a version, or a digest");
    }

    fn mounts(&mut self, name: &str, service: &Service) {
        let inside = format!("{}/", self.project.working_dir.trim_end_matches('/'));
        for (index, mount) in service.volumes.iter().enumerate() {
            let path = format!("services.{name}.volumes[{index}]");
            match mount.r#type.as_str() {
                "volume" if mount.source.is_empty() => {
                    let message =
                        format!("{} is kept in a volume without a name, which gets lost", mount.target);
                    self.add("anonymous-volume", path, message, "name it: `data:/path`");
                }
                "bind" if !mount.read_only && mount.source.starts_with(&inside) => {
                    let message =
                        format!("the container may write to {}, a file of the repository", mount.source);
                    let hint = "add `:ro`, or keep what it writes in a volume";
                    self.add("writable-bind", path, message, hint);
                }
                _ => {}
            }
        }
    }

    fn ports(&mut self, name: &str, service: &Service) {
        let internal = |key: &String| self.project.networks.get(key).is_some_and(|network| network.internal);
        if !service.ports.is_empty() && !service.networks.is_empty() && service.networks.keys().all(internal)
        {
            let message =
                format!("{name} publishes ports, but all its networks are internal: nobody can reach them");
            let hint = "attach it to another network too, or remove `ports`";
            self.add("port-on-internal-network", format!("services.{name}.ports"), message, hint);
        }
    }

    fn health(&mut self, name: &str, service: &Service) {
        for (target, dependency) in &service.depends_on {
            let unchecked = |target: &Service| target.healthcheck.as_ref().is_none_or(|check| check.disable);
            if dependency.condition == "service_healthy"
                && self.project.services.get(target).is_some_and(|target| unchecked(target))
            {
                let message =
                    format!("{name} waits until {target} is healthy, but {target} has no healthcheck here");
                let hint = "add `healthcheck:` to it, unless its image has one";
                self.add("no-healthcheck", format!("services.{name}.depends_on.{target}"), message, hint);
            }
        }
    }

    fn secrets(&mut self, name: &str, service: &Service) {
        const SUSPICIOUS: [&str; 8] =
            ["PASSWORD", "PASSWD", "SECRET", "TOKEN", "API_KEY", "APIKEY", "PRIVATE_KEY", "CREDENTIALS"];
        let path = format!("services.{name}.environment");
        for (key, value) in &service.environment {
            let upper = key.to_uppercase();
            let is_reference = upper.ends_with("_FILE") || upper.ends_with("_PATH");
            let suspicious = !is_reference && SUSPICIOUS.iter().any(|word| upper.contains(word));
            if suspicious
                && value.as_deref().is_some_and(|value| !value.is_empty())
                && self.is_literal(&format!("{path}.{key}"))
            {
                let message = format!(
                    "{key} of {name} looks like a secret that everybody with the repository can read"
                );
                let hint = "take it from a variable, or from a file in `secrets:`";
                self.add("plain-secret", format!("{path}.{key}"), message, hint);
            }
        }
    }

    /// Whether a value is written in the file, not taken from a variable.
    fn is_literal(&self, path: &str) -> bool {
        self.project.document.places.is_filled(path) == Some(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::compose::Options;
    use crate::core::compose::load;
    use crate::core::model::MemoryTree;

    fn codes(text: &str) -> Vec<String> {
        let tree = MemoryTree::new([("/r/compose.yaml", text)]);
        let options = Options { working_dir: "/r".into(), ..Options::default() };
        let loaded = load(&tree, &options).expect("a project that loads");
        lint(&loaded)
            .iter()
            .map(|f| format!("{} {}", f.place.as_ref().map_or(0, |p| p.line), f.code))
            .collect()
    }

    #[test]
    fn what_bites_later_is_found_at_its_place() {
        let text = "
services:
  a:
    image: nginx
    ports: [80:80]
    networks: [back]
    volumes:
      - /data
      - ./conf:/conf
      - ./other:/other:ro
    environment:
      DB_PASSWORD: hunter2
      API_TOKEN: ${TOKEN:-x}
      SECRET_FILE: /run/secrets/x
    depends_on: {b: {condition: service_healthy}}
  b: {image: 'redis:7'}
networks: {back: {internal: true}}
";
        assert_eq!(
            codes(text),
            [
                "4 unpinned-image",
                "5 port-on-internal-network",
                "8 anonymous-volume",
                "9 writable-bind",
                "12 plain-secret",
                "15 no-healthcheck"
            ]
        );
    }

    #[test]
    fn findings_can_be_silenced_and_unknown_ones_are_told() {
        let text = "
services: {a: {image: nginx, volumes: [/data]}}
x-evenkeel: {lint: {ignore: [unpinned-image, anonymus-volume]}}
";
        assert_eq!(codes(text), ["2 anonymous-volume", "3 unknown-lint"]);
    }

    #[test]
    fn secrets_of_a_list_are_told_from_those_of_variables() {
        let text = "services: {a: {image: 'b:1', environment: ['A_TOKEN=x', 'B_TOKEN=${X:-y}', C_TOKEN]}}";
        assert_eq!(codes(text), ["1 plain-secret"]);
    }
}
