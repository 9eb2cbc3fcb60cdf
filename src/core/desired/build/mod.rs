//! What a project's services build: each image's context and options, and one digest over all that changes what comes out.
//!
//! The Engine's own builder is asked (`POST /build`), which every engine has and which needs no session beside the
//! request: docs/adr/0013. What it cannot build, such as what needs BuildKit, is said with its place and never dropped: then
//! the image must be on the engine.

mod context;
mod dockerfile;
mod ignore;
mod options;
mod refuse;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::findings::Findings;
use super::label::compose;
use super::mounted::as_written;
use crate::core::compose::Project;
use crate::core::compose::types::Build;
use crate::core::compose::types::Service;
use crate::core::diag::Diagnostic;
use crate::core::diag::Place;
use crate::core::diag::Severity;
use crate::core::model::EntryKind;
use crate::core::model::Tree;
use crate::core::model::TreeError;
use crate::core::model::familiar;
use crate::core::model::normalise;
use crate::core::model::same_image;

pub use context::BuildContext;
pub use context::ContextEntry;
pub use context::ContextError;
pub use options::BuildOptions;

use dockerfile::Dockerfile;
use ignore::Ignored;

/// The images that a project's services build.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Builds {
    /// By what the services call them, in Docker's short form.
    by_image: BTreeMap<String, Arc<ImageBuild>>,
    /// Why images are not built, by service.
    not_built: BTreeMap<String, String>,
}

/// One image to build.
#[derive(Clone)]
pub struct ImageBuild {
    /// The name that names exactly this content: `app-web:evenkeel-0123456789abcdef`.
    pub tag: String,
    /// What else it is called: the service's image first, then `build.tags`.
    pub names: Vec<String>,
    /// Over everything that changes what comes out: the context's files, the Dockerfile, arguments and the other options.
    pub digest: String,
    /// The context as the user knows it, such as `./app`.
    pub shown: String,
    /// The images that it begins from, as far as the Dockerfile says them without variables.
    pub bases: BTreeSet<String>,
    /// How the builder is asked.
    pub options: BuildOptions,
    /// What it is sent.
    pub context: BuildContext,
}

impl PartialEq for ImageBuild {
    fn eq(&self, other: &Self) -> bool {
        (&self.tag, &self.names, &self.digest) == (&other.tag, &other.names, &other.digest)
    }
}

impl std::fmt::Debug for ImageBuild {
    /// Prints no more than its name: arguments may be secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("ImageBuild").field(&self.tag).finish()
    }
}

impl Builds {
    /// Reads what the project's active services build, and what is odd about it. `version` is the Compose version for
    /// the images' labels.
    ///
    /// # Errors
    /// Fails if two services build one image from different content, or one begins from another's. What cannot be built is
    /// no error, because its image may be on the engine: a Dockerfile or context that is not there or leaves the
    /// repository, and what only BuildKit can do. That is among the warnings, and [`Self::why_not`] has the first reason.
    pub fn read(
        project: &Project,
        tree: &Arc<dyn Tree>,
        version: &str,
    ) -> Result<(Self, Vec<Diagnostic>), Vec<Diagnostic>> {
        let mut findings = Findings::new(project);
        let mut builds = Self::default();
        for name in project.services.keys() {
            let Some(service) = project.resolved_service(name) else { continue };
            let Some(build) = built(&service) else { continue };
            let reading = Reading { project, tree, version, name, service: &service, build };
            let mut found = Findings::new(project);
            match reading.image(&mut found) {
                Some(build) => {
                    findings.extend(found);
                    builds.add(name, build, &mut findings);
                }
                None => {
                    let why = found.finish();
                    let first = why.iter().find(|finding| finding.severity == Severity::Error);
                    builds.not_built.insert(name.clone(), first.map(ToString::to_string).unwrap_or_default());
                    for why in why {
                        findings.add(Diagnostic { severity: Severity::Warning, ..why });
                    }
                }
            }
        }
        builds.check_bases(&mut findings);
        findings.split().map(|warnings| (builds, warnings))
    }

    /// Returns all images to build, by name.
    pub fn all(&self) -> impl Iterator<Item = &Arc<ImageBuild>> {
        self.by_image.values()
    }

    /// Returns the build of the image that a service names, whether it or another service of the project builds it.
    pub(super) fn of(&self, service: &Service, image: &str) -> Option<Arc<ImageBuild>> {
        if is_pulled(service) {
            return None;
        }
        self.by_image.get(&familiar(image)).cloned()
    }

    /// Returns why the service's image is not built although it should be.
    pub(super) fn why_not(&self, service: &str) -> Option<&String> {
        self.not_built.get(service)
    }

    fn add(&mut self, service: &str, build: ImageBuild, findings: &mut Findings<'_>) {
        let image = familiar(&build.names[0]);
        match self.by_image.get_mut(&image) {
            None => drop(self.by_image.insert(image, Arc::new(build))),
            Some(other) if other.digest == build.digest => {
                let is_new = |name: &&String| !other.names.iter().any(|known| same_image(known, name));
                let more = build.names.iter().filter(is_new).cloned();
                let names = other.names.iter().cloned().chain(more).collect();
                *other = Arc::new(ImageBuild { names, ..build });
            }
            Some(_) => {
                let message = format!("another service builds `{image}` from something else");
                let path = format!("services.{service}.build");
                findings.error("built-twice", &path, message, "give one of the two another `image`");
            }
        }
    }

    /// Builds know nothing of each other: one that begins from another's image would begin from an old one.
    fn check_bases(&self, findings: &mut Findings<'_>) {
        for build in self.by_image.values() {
            let names = || self.by_image.values().flat_map(|other| &other.names);
            for base in &build.bases {
                if names().any(|name| same_image(name, base)) {
                    let message =
                        format!("`{}` begins from `{base}`, which this project builds too", build.shown);
                    let hint = "make both one Dockerfile of several stages and name them with `build.target`";
                    let path = format!("services.{}.build", build.options.labels[compose::SERVICE]);
                    findings.error("not-supported", &path, message, hint);
                }
            }
        }
    }
}

/// Returns how the service's image is built, if it is. One that is to be pulled anew is pulled.
pub(super) fn built(service: &Service) -> Option<&Build> {
    service.build.as_deref().filter(|_| !is_pulled(service))
}

/// Whether the service says that its image is to be pulled, also where one of its name is here.
fn is_pulled(service: &Service) -> bool {
    let policy = service.pull_policy.as_str();
    let is_pulled_anew =
        matches!(policy, "always" | "refresh" | "daily" | "weekly") || policy.starts_with("every_");
    !service.image.is_empty() && is_pulled_anew
}

/// One service's build while it is read.
struct Reading<'a> {
    project: &'a Project,
    tree: &'a Arc<dyn Tree>,
    version: &'a str,
    name: &'a str,
    service: &'a Service,
    build: &'a Build,
}

impl Reading<'_> {
    fn path(&self, field: &str) -> String {
        format!("services.{}.build{field}", self.name)
    }

    /// Returns what to do about a build whose files are not here.
    fn hint(&self, what: &str) -> String {
        match self.service.image.as_str() {
            "" => format!("{what}; or build it elsewhere and name it with `image`"),
            image => format!("{what}; or take `build` out, or set `pull_policy: always` to pull `{image}`"),
        }
    }

    /// Returns the image to build; `None` if it cannot be, which is among the findings then.
    fn image(&self, findings: &mut Findings<'_>) -> Option<ImageBuild> {
        let before = findings.len();
        refuse::check(self.build, &self.path(""), findings);
        let names = self.names(findings)?;
        let root = self.root(findings)?;
        let (at, text) = self.dockerfile(&root, findings)?;
        let dockerfile = Dockerfile::read(&text);
        self.look_at(&dockerfile, &at, findings);
        let context = self.context(&root, &at, findings);
        if findings.len() > before {
            return None;
        }
        let mut context = context?;
        let own = at.strip_prefix(&format!("{root}/")).filter(|_| !at.is_empty());
        let called = context.with_dockerfile(own, &text);
        let options =
            BuildOptions::new(self.build, self.service, called, self.project, self.name, self.version);
        let digest = options::digest(&options, &context, &text);
        Some(ImageBuild {
            tag: format!("{}:evenkeel-{}", repository(&names[0]), &digest[..16]),
            names,
            digest,
            shown: as_written(&root, &self.project.working_dir),
            bases: dockerfile.bases,
            options,
            context,
        })
    }

    fn names(&self, findings: &mut Findings<'_>) -> Option<Vec<String>> {
        let image = match self.service.image.as_str() {
            "" => format!("{}-{}", self.project.name, self.name),
            image => image.to_owned(),
        };
        let names: Vec<String> = std::iter::once(image).chain(self.build.tags.iter().cloned()).collect();
        let by_digest = names.iter().find(|name| name.contains('@'));
        if let Some(name) = by_digest {
            let message = format!("`{name}` names an image by its digest, and what is built has none yet");
            findings.error("invalid-value", &self.path(""), message, "name it by a tag, or do not build it");
        }
        by_digest.is_none().then_some(names)
    }

    /// Returns the folder of the context, which is there.
    fn root(&self, findings: &mut Findings<'_>) -> Option<String> {
        let context = &self.build.context;
        if refuse::is_elsewhere(context) {
            let message = format!("`{context}` is not read: a context is a folder of the repository");
            findings.error(
                "not-supported",
                &self.path(".context"),
                message,
                &self.hint("commit what is built"),
            );
            return None;
        }
        let root = normalise(&self.project.working_dir, context);
        let why = match self.tree.kind(&root) {
            Ok(Some(EntryKind::Folder)) => return Some(root.trim_end_matches('/').to_owned()),
            Ok(Some(_)) => TreeError::NotFolder,
            Ok(None) => TreeError::NotFound,
            Err(error) => error,
        };
        let message = format!("build context {root}: {why}");
        findings.error(
            "no-context",
            &self.path(".context"),
            message,
            &self.hint("a commit must have what is built"),
        );
        None
    }

    /// Returns the Dockerfile's path, which is empty if it is written in the project, and its text.
    fn dockerfile(&self, root: &str, findings: &mut Findings<'_>) -> Option<(String, String)> {
        if !self.build.dockerfile_inline.is_empty() {
            return Some((String::new(), self.build.dockerfile_inline.clone()));
        }
        let name = match self.build.dockerfile.as_str() {
            "" => "Dockerfile",
            name => name,
        };
        let at = normalise(root, name);
        let why = match self.tree.read(&at).map(String::from_utf8) {
            Ok(Ok(text)) => return Some((at, text)),
            Ok(Err(_)) => "is not UTF-8".to_owned(),
            Err(error) => error.to_string(),
        };
        let message = format!("Dockerfile {at}: {why}");
        let hint = self.hint("`dockerfile` is relative to `context`, and a commit must have what is built");
        findings.error("no-dockerfile", &self.path(".dockerfile"), message, &hint);
        None
    }

    fn context(&self, root: &str, dockerfile: &str, findings: &mut Findings<'_>) -> Option<BuildContext> {
        let own = (!dockerfile.is_empty()).then(|| format!("{dockerfile}.dockerignore"));
        let own = own.filter(|path| matches!(self.tree.kind(path), Ok(Some(_))));
        let file = own.unwrap_or_else(|| format!("{root}/.dockerignore"));
        let ignored = match self.tree.read(&file) {
            Ok(bytes) => Ignored::parse(&String::from_utf8_lossy(&bytes)),
            Err(TreeError::NotFound) => Ok(Ignored::default()),
            Err(error) => {
                let message = format!("{file}: {error}");
                findings.error("unreadable-context", &self.path(".context"), message, "");
                return None;
            }
        };
        let read = match ignored {
            Ok(ignored) => BuildContext::read(self.tree, root, &ignored),
            Err(bad) => {
                let message = format!("`{}` is no pattern", bad.pattern);
                let place = Place { file, line: bad.line, column: 1 };
                let error = Diagnostic::error("bad-dockerignore", message).path(self.path(".context"));
                findings
                    .add(error.at(place).hint("brackets must be closed, and a backslash escapes something"));
                return None;
            }
        };
        let message = |error: ContextError| {
            let hint = "what the build does not need can be named in .dockerignore";
            findings.error("unreadable-context", &self.path(".context"), error.to_string(), hint);
        };
        read.map_err(message).ok()
    }

    /// Adds what is in the Dockerfile and only BuildKit can do.
    fn look_at(&self, dockerfile: &Dockerfile, at: &str, findings: &mut Findings<'_>) {
        for found in &dockerfile.findings {
            let Some(finding) = refuse::finding(&found.what, &self.build.args) else { continue };
            let field = if at.is_empty() { ".dockerfile_inline" } else { ".dockerfile" };
            let place = Place { file: at.to_owned(), line: found.line, column: found.column };
            let finding = finding.path(self.path(field));
            findings.add(if at.is_empty() { finding } else { finding.at(place) });
        }
    }
}

/// Returns an image's name without its tag.
fn repository(image: &str) -> String {
    let short = familiar(image);
    short.rsplit_once(':').map_or(short.clone(), |(name, _)| name.to_owned())
}
