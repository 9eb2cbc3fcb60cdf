//! What doco-cd's `.doco-cd.yaml` says, as an `evenkeel.yaml` that does the same, for those who change over.
//!
//! Each setting that has no counterpart is a warning at its place, with what to do instead. It reads the file's text and
//! nothing else: nothing is looked up and nothing is written.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::source::inner_path;
use crate::core::diag::Diagnostic;
use crate::core::diag::did_you_mean;
use crate::core::model::StackName;
use crate::core::shape::Data;
use crate::core::shape::Entry;
use crate::core::shape::Value;
use crate::core::yaml;

/// What a file comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FromDocoCd {
    /// The text of an `evenkeel.yaml`.
    pub text: String,
    /// What has no counterpart, in the order of the file.
    pub warnings: Vec<Diagnostic>,
}

/// Settings that need nothing here, or whose meaning is in the places named by the hint.
const ELSEWHERE: &[(&str, &str)] = &[
    ("repository_url", "add that repository to `sources` of the host's configuration"),
    ("reference", "set `branch` of the source in the host's configuration"),
    ("webhook_filter", "a source follows one branch: pushes to others change nothing"),
    ("context", "run an Evenkeel for that engine, with its DOCKER_HOST"),
    ("environment", "write the values to a file of the repository and name it in `envFiles`"),
    ("prune_images", "images are kept, so that a way back needs no pull"),
    ("swarm", "Swarm stacks are not supported"),
    ("force_recreate", "a container is replaced when its definition or what it mounts has changed"),
    ("wait_running_jobs", "jobs are not scheduled by Evenkeel"),
    ("force_image_pull", "set `pull_policy: always` for the services in the compose file"),
    ("timeout", "set `x-evenkeel: {update: {healthyDeadline: …, pullTimeout: …}}` in the compose file"),
    ("build", "images are built from what the compose file says under `build`; set arguments there"),
    ("reconciliation", "set `x-evenkeel: {drift: {mode: off|warn|correct}}` in the compose file"),
    ("external_secrets", "mount a file of the host as a secret"),
    ("oci", "a source is a git repository"),
    ("version", "a source is a git repository"),
    ("auto_discover_opts", "use `ignore` to leave folders out"),
];

/// Keys that are understood.
const UNDERSTOOD: &[&str] = &[
    "name",
    "source",
    "working_dir",
    "compose_files",
    "env_files",
    "profiles",
    "auto_discovery",
    "auto_discover",
    "destroy",
    "remove_orphans",
    "git_depth",
];

/// Converts a file's text; `file` is its name in messages.
///
/// # Errors
/// Fails with all that is wrong if the text is no YAML or names no stacks that Evenkeel could have.
pub fn from_doco_cd(text: &str, file: &str) -> Result<FromDocoCd, Vec<Diagnostic>> {
    let mut sources = yaml::Sources::default();
    let index = sources.add(file);
    let documents =
        yaml::parse(text, &sources, index, yaml::Limits::default()).map_err(|error| vec![error])?;
    let documents = documents.iter().map(|node| Value::of_node(node, &sources));
    let mut out = Conversion::default();
    for document in documents.filter(|document| document.data != Data::Null) {
        out.document(&document);
    }
    out.finish(file)
}

#[derive(Default)]
struct Conversion {
    stacks: String,
    names: BTreeSet<String>,
    discovered: Vec<String>,
    errors: Vec<Diagnostic>,
    warnings: Vec<Diagnostic>,
}

impl Conversion {
    fn document(&mut self, document: &Value) {
        let Data::Map(entries) = &document.data else {
            let error =
                Diagnostic::error("wrong-type", "a deployment is a mapping").at(document.place.clone());
            return self.errors.push(error);
        };
        for entry in entries {
            self.without_counterpart(entry);
        }
        let of = |key: &str| entries.iter().find(|entry| entry.name == key);
        let path = match of("working_dir") {
            Some(entry) => self.path(entry),
            None => Some(String::new()),
        };
        if let Some(entry) = of("destroy").filter(|entry| is_on(&entry.value)) {
            let hint = "what is not in `stacks` is removed; volumes are kept, whatever `remove_volumes` says";
            return self.warn(entry, "the stack is left out, because it is to be destroyed", hint);
        }
        let discovery = ["auto_discovery", "auto_discover"].into_iter().find_map(of);
        if discovery.is_some_and(|entry| is_on(&entry.value)) {
            for key in ["compose_files", "env_files", "profiles"] {
                if let Some(entry) = of(key) {
                    let hint = "list the stacks that need it under `stacks`";
                    self.warn(entry, "what is looked for has no settings of its own", hint);
                }
            }
            return self.discovered.extend(path);
        }
        let Some(name) = of("name") else {
            let error =
                Diagnostic::error("required", "a deployment needs a `name`").at(document.place.clone());
            return self.errors.push(error);
        };
        let stack = StackName::new(text(&name.value)).map_err(|error| error.to_string());
        match stack {
            Err(error) => self.errors.push(at(Diagnostic::error("bad-name", error), name)),
            Ok(stack) if !self.names.insert(stack.to_string()) => {
                let error = format!("there are two deployments `{stack}`");
                self.errors.push(at(Diagnostic::error("duplicate-name", error), name));
            }
            Ok(stack) => self.stack(&stack, path.as_deref(), of),
        }
    }

    fn stack<'a>(&mut self, stack: &StackName, path: Option<&str>, of: impl Fn(&str) -> Option<&'a Entry>) {
        let path = path.filter(|path| !path.is_empty()).unwrap_or(".");
        let mut lines = format!("  - name: {}\n    path: {}\n", quoted(stack.as_str()), quoted(path));
        for (key, ours) in [("compose_files", "files"), ("profiles", "profiles"), ("env_files", "envFiles")] {
            let Some(entry) = of(key) else { continue };
            let all = texts(&entry.value);
            let (remote, words): (Vec<_>, Vec<_>) = all.iter().partition(|word| word.starts_with("remote:"));
            if !remote.is_empty() {
                let hint = "copy the file to the repository that has the compose file";
                self.warn(entry, "`remote:` files are not fetched", hint);
            }
            let words: Vec<String> = words.into_iter().map(quoted).collect();
            // The default file may be missing, a named one may not.
            let is_default = key == "env_files" && words == [".env"];
            if !words.is_empty() && !is_default {
                writeln!(lines, "    {ours}: [{}]", words.join(", ")).expect("a string takes all");
            }
        }
        self.stacks.push_str(&lines);
    }

    fn path(&mut self, entry: &Entry) -> Option<String> {
        // doco-cd takes a path that leaves the repository for one below its root.
        let path = text(&entry.value).trim_start_matches('/');
        inner_path(path)
            .map_err(|error| self.errors.push(at(Diagnostic::error("bad-path", error), entry)))
            .ok()
    }

    fn without_counterpart(&mut self, entry: &Entry) {
        let key = entry.name.as_str();
        if let Some((_, hint)) = ELSEWHERE.iter().find(|(name, _)| *name == key) {
            return self.warn(entry, "it has no counterpart in evenkeel.yaml", hint);
        }
        match key {
            "source" if text(&entry.value) != "git" => {
                self.warn(entry, "only git repositories are followed", "push the files to a git repository");
            }
            "remove_orphans" if !is_on(&entry.value) => {
                let hint =
                    "set `prune: false` for the source in the host's configuration, or in `x-evenkeel`";
                self.warn(entry, "it has no counterpart in evenkeel.yaml", hint);
            }
            _ if UNDERSTOOD.contains(&key) => {}
            _ => {
                let known = UNDERSTOOD.iter().copied().chain(ELSEWHERE.iter().map(|(name, _)| *name));
                let warning = Diagnostic::warning("unknown-key", format!("doco-cd has no setting `{key}`"));
                let warning = at(warning, entry);
                self.warnings.push(match did_you_mean(key, known) {
                    Some(meant) => warning.hint(format!("did you mean `{meant}`?")),
                    None => warning,
                });
            }
        }
    }

    fn warn(&mut self, entry: &Entry, message: &str, hint: &str) {
        let warning = Diagnostic::warning("no-counterpart", format!("`{}`: {message}", entry.name));
        self.warnings.push(at(warning, entry).hint(hint));
    }

    fn finish(mut self, file: &str) -> Result<FromDocoCd, Vec<Diagnostic>> {
        if !self.errors.is_empty() {
            self.errors.sort_by(|a, b| a.place.cmp(&b.place));
            return Err(self.errors);
        }
        self.warnings.sort_by(|a, b| a.place.cmp(&b.place));
        let mut text =
            format!("# From {file}. A `name:` in a compose file goes before a stack's name here.\n");
        for path in &self.discovered {
            let folder = if path.is_empty() { "." } else { path };
            let told = match self.names.is_empty() {
                true => "are looked for if the source's `path` is that folder and no `stacks` are listed",
                false => {
                    "are not looked for beside listed ones: list them here, or give them a source of their own"
                }
            };
            writeln!(text, "# auto_discovery: stacks below {} {told}.", quoted(folder))
                .expect("a string takes all");
        }
        if !self.names.is_empty() {
            text.push_str("stacks:\n");
            text.push_str(&self.stacks);
        }
        Ok(FromDocoCd { text, warnings: self.warnings })
    }
}

fn at(finding: Diagnostic, entry: &Entry) -> Diagnostic {
    finding.at(entry.place.clone()).path(entry.name.as_str())
}

fn text(value: &Value) -> &str {
    match &value.data {
        Data::Scalar { text, .. } => text,
        _ => "",
    }
}

fn texts(value: &Value) -> Vec<&str> {
    match &value.data {
        Data::List(items) => items.iter().map(text).collect(),
        _ => Vec::new(),
    }
}

/// A flag, or a mapping with `enabled`, which is on unless it says otherwise.
fn is_on(value: &Value) -> bool {
    match &value.data {
        Data::Map(entries) => {
            entries.iter().find(|entry| entry.name == "enabled").is_none_or(|entry| is_on(&entry.value))
        }
        _ => text(value).eq_ignore_ascii_case("true"),
    }
}

/// Writes text so that YAML reads it back as that.
fn quoted(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte);
    let is_plain = text.bytes().all(plain) && text.bytes().any(|byte| byte.is_ascii_alphabetic());
    let is_word =
        ["true", "false", "null", "yes", "no", "on", "off"].contains(&text.to_ascii_lowercase().as_str());
    if is_plain && !is_word && !text.starts_with('-') || text == "." {
        return text.to_owned();
    }
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Repository;

    fn said(problems: &[Diagnostic]) -> String {
        problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn each_deployment_is_a_stack_and_the_file_reads_back() {
        let text = "name: web\nworking_dir: apps/web\ncompose_files: [compose.yaml, \"on\"]\nprofiles: [prod]\n---\n\
                    name: db\nenv_files:\n  - .env\n---\nname: dns\nenv_files: [base.env, \"a b.env\"]\n";
        let converted = from_doco_cd(text, ".doco-cd.yml").expect("it can be converted");
        insta::assert_snapshot!(converted.text, @r#"
        # From .doco-cd.yml. A `name:` in a compose file goes before a stack's name here.
        stacks:
          - name: web
            path: apps/web
            files: [compose.yaml, "on"]
            profiles: [prod]
          - name: db
            path: .
          - name: dns
            path: .
            envFiles: [base.env, "a b.env"]
        "#);
        assert_eq!(converted.warnings, []);
        let read = Repository::read(converted.text.as_bytes(), "evenkeel.yaml").expect("it is one of ours");
        let stacks = read.value.stacks.expect("listed");
        let found: Vec<(&str, &str)> =
            stacks.iter().map(|stack| (stack.name.as_str(), stack.path.as_str())).collect();
        assert_eq!(found, [("web", "apps/web"), ("db", ""), ("dns", "")]);
        assert_eq!(stacks[0].files, ["compose.yaml", "on"]);
        assert_eq!(stacks[2].env_files, ["base.env", "a b.env"]);
    }

    #[test]
    fn what_has_no_counterpart_is_told_at_its_place() {
        let text = "name: web\nreference: main\nremove_orphans: false\ntimeout: 300\nforce_image_pul: true\n\
                    env_files: [\"remote:x.env\"]\n---\nname: old\ndestroy: {remove_volumes: true}\n";
        let converted = from_doco_cd(text, ".doco-cd.yml").expect("it can be converted");
        insta::assert_snapshot!(said(&converted.warnings), @r"
        .doco-cd.yml:2:1: `reference`: it has no counterpart in evenkeel.yaml (set `branch` of the source in the host's configuration)
        .doco-cd.yml:3:1: `remove_orphans`: it has no counterpart in evenkeel.yaml (set `prune: false` for the source in the host's configuration, or in `x-evenkeel`)
        .doco-cd.yml:4:1: `timeout`: it has no counterpart in evenkeel.yaml (set `x-evenkeel: {update: {healthyDeadline: …, pullTimeout: …}}` in the compose file)
        .doco-cd.yml:5:1: doco-cd has no setting `force_image_pul` (did you mean `force_image_pull`?)
        .doco-cd.yml:6:1: `env_files`: `remote:` files are not fetched (copy the file to the repository that has the compose file)
        .doco-cd.yml:9:1: `destroy`: the stack is left out, because it is to be destroyed (what is not in `stacks` is removed; volumes are kept, whatever `remove_volumes` says)
        ");
        assert!(
            !converted.text.contains("old") && !converted.text.contains("envFiles"),
            "{}",
            converted.text
        );
    }

    #[test]
    fn what_is_looked_for_stays_so() {
        let text = "working_dir: /apps/\nauto_discovery: {depth: 2}\n";
        let converted = from_doco_cd(text, ".doco-cd.yml").expect("it can be converted");
        assert!(converted.text.contains("stacks below apps are looked for"), "{}", converted.text);
        let read = Repository::read(converted.text.as_bytes(), "evenkeel.yaml").expect("it is one of ours");
        assert_eq!(read.value.stacks, None);
    }

    #[test]
    fn what_cannot_be_a_stack_is_an_error() {
        let text =
            "name: web\n---\nname: web\n---\nworking_dir: ../x\nname: up\n---\n- a\n---\nprofiles: [x]\n";
        let errors = from_doco_cd(text, "d.yml").expect_err("four mistakes");
        insta::assert_snapshot!(said(&errors), @r"
        d.yml:3:1: there are two deployments `web`
        d.yml:5:1: `../x` must be a folder in the repository, seen from its root
        d.yml:8:1: a deployment is a mapping
        d.yml:10:1: a deployment needs a `name`
        ");
        assert!(from_doco_cd("name: [", "d.yml").is_err());
    }
}
