//! From a stack's place in a source to what it should have on the engine at a revision.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use crate::core::compose;
use crate::core::compose::HashFlavor;
use crate::core::desired;
use crate::core::desired::Builds;
use crate::core::desired::Desired;
use crate::core::desired::Owner;
use crate::core::desired::Settings;
use crate::core::desired::content;
use crate::core::desired::content::MountedContent;
use crate::core::diag::Diagnostic;
use crate::core::model::InstanceId;
use crate::core::model::ProjectName;
use crate::core::model::Redactor;
use crate::core::model::Revision;
use crate::core::model::Secret;
use crate::core::model::SourceName;
use crate::core::model::Tree;
use crate::core::observed::Adoption;
use crate::core::observed::Focus;
use crate::core::observed::Observed;
use crate::git::GitSource;
use crate::ports::Engine;
use crate::ports::EngineError;
use crate::publish::FolderTree;

use super::adoption::Adoptions;
use super::stack::StackSpec;

/// Where a source's definitions are read.
#[derive(Clone)]
pub enum Definitions {
    /// Commits of a mirror. Mounted files are published below the data folder.
    Git(Arc<GitSource>),
    /// A folder of this host, as `docker compose` reads it. Mounted files are where they are.
    Folder {
        /// The folder, absolute.
        path: String,
        /// What `docker compose`'s own options would say.
        options: Box<compose::Options>,
    },
}

/// What holds for all stacks of a source.
#[derive(Clone)]
pub struct Site {
    /// The installation.
    pub instance: InstanceId,
    /// The source.
    pub source: SourceName,
    /// Where published files are.
    pub data_dir: PathBuf,
    /// What holds for a stack that says nothing else.
    pub defaults: Settings,
    /// Where definitions come from.
    pub definitions: Definitions,
}

/// A stack at a revision, ready to be planned.
pub struct Rendered {
    /// What should be.
    pub desired: Desired,
    /// The files to publish.
    pub files: MountedContent,
    /// What must not be seen.
    pub redactor: Redactor,
    /// What is odd and does not keep it from being deployed.
    pub warnings: Vec<Diagnostic>,
    /// The Compose project that the stack has taken over, if it has.
    pub adoption: Option<Adoption>,
    /// The API version of the engine that requests are for; `None` if there are none.
    pub api: Option<(u32, u32)>,
}

impl Rendered {
    /// Looks at the engine as this stack sees it: with what it has taken over as its own.
    pub(super) async fn observe(&self, engine: &dyn Engine) -> Result<Observed, EngineError> {
        let adopted = self.adoption.as_ref().map(|adoption| adoption.project.clone());
        let projects: Vec<String> = [self.desired.project.to_string()].into_iter().chain(adopted).collect();
        let volumes = self.desired.volumes.values().map(|volume| volume.name.clone()).collect();
        let focus = Focus { owner: Some(self.desired.owner.clone()), projects, volumes };
        let mut observed = engine.observe_for(&focus).await?;
        if let Some(adoption) = &self.adoption {
            observed.take_over(&self.desired.owner, adoption);
        }
        Ok(observed)
    }

    /// Returns the definition of a stack that is to be gone.
    pub(super) fn nothing(owner: Owner, revision: Revision, adoption: Option<Adoption>) -> Self {
        let project = ProjectName::normalised(owner.stack.as_str());
        Self {
            desired: Desired {
                owner,
                revision,
                // No container is made, so that the name is not used.
                project: project.unwrap_or_else(|| ProjectName::new("gone").expect("a valid name")),
                networks: BTreeMap::new(),
                volumes: BTreeMap::new(),
                services: BTreeMap::new(),
                inactive: BTreeSet::new(),
                files: Vec::new(),
                // What it would go back to is gone from git.
                settings: Settings { auto_revert: false, ..Settings::default() },
            },
            files: MountedContent::default(),
            redactor: Redactor::new([]),
            warnings: Vec::new(),
            adoption,
            api: None,
        }
    }
}

impl Site {
    /// Returns the folder that a stack's repository is laid out below. It is the same for each revision, because
    /// Compose's config hashes contain it.
    fn root(&self, stack: &StackSpec, adoption: Option<&Adoption>) -> PathBuf {
        match adoption.and_then(|adoption| adoption.root(&stack.folder)) {
            Some(root) => root.into(),
            None => self.data_dir.join("stacks").join(self.source.as_str()).join(stack.name.as_str()),
        }
    }

    /// Returns the folder that a stack's files are written below: the whole of its root, or of a project that was taken
    /// over its own folder only, for beside it are others.
    pub(super) fn publish_root(&self, stack: &StackSpec, adoption: Option<&Adoption>) -> PathBuf {
        match adoption.filter(|adoption| adoption.root(&stack.folder).is_some()) {
            Some(adoption) => PathBuf::from(&adoption.working_dir),
            None => self.root(stack, None),
        }
    }

    /// Returns the records of what the source's stacks have taken over.
    pub fn adoptions(&self) -> Adoptions {
        Adoptions::new(&self.data_dir, &self.source)
    }

    /// Returns the owner of a stack's objects.
    pub fn owner(&self, stack: &StackSpec) -> Owner {
        Owner { instance: self.instance.clone(), source: self.source.clone(), stack: stack.name.clone() }
    }

    /// Reads and renders a stack at a revision. Blocks.
    ///
    /// # Errors
    /// Fails with all that is wrong in its files.
    pub fn render(
        &self,
        stack: &StackSpec,
        revision: &Revision,
        api: (u32, u32),
    ) -> Result<Rendered, Vec<Diagnostic>> {
        let adoption = self.adoptions().get(&stack.name);
        let adoption = adoption.map_err(|error| vec![Diagnostic::error("unreadable-adoption", error)])?;
        self.render_adopted(stack, revision, api, adoption)
    }

    /// The same, as if the stack had taken over this.
    ///
    /// # Errors
    /// Fails with all that is wrong in its files.
    pub fn render_adopted(
        &self,
        stack: &StackSpec,
        revision: &Revision,
        api: (u32, u32),
        adoption: Option<Adoption>,
    ) -> Result<Rendered, Vec<Diagnostic>> {
        let root = path_text(&self.root(stack, adoption.as_ref()));
        let as_pushed = |findings: Vec<Diagnostic>| match self.definitions {
            Definitions::Git(_) => findings.into_iter().map(|finding| finding.below(&root)).collect(),
            Definitions::Folder { .. } => findings,
        };
        let mut rendered = self.render_below(stack, revision, api, adoption, &root).map_err(as_pushed)?;
        rendered.warnings = as_pushed(rendered.warnings);
        Ok(rendered)
    }

    fn render_below(
        &self,
        stack: &StackSpec,
        revision: &Revision,
        api: (u32, u32),
        adoption: Option<Adoption>,
        root: &str,
    ) -> Result<Rendered, Vec<Diagnostic>> {
        let (tree, options, publish_root) = self.reader(stack, revision, root)?;
        let loaded = compose::load(tree.as_ref(), &options)?;
        let mut warnings = loaded.warnings.clone();
        let above = Settings { suspend: self.defaults.suspend || stack.suspend, ..self.defaults.clone() };
        let (settings, found) = desired::settings::of_project(&loaded, &above)?;
        warnings.extend(found);
        let taken_over = adoption.as_ref().map(|adoption| HashFlavor::of_version(&adoption.compose_version));
        let flavor = settings.compose_hash.fixed().or(taken_over).unwrap_or(HashFlavor::V2);
        let context = desired::Context {
            owner: self.owner(stack),
            revision: revision.clone(),
            publish_root,
            settings,
            compose_version: desired::COMPOSE_VERSION.into(),
            flavor,
            api,
        };
        let read = Builds::read(&loaded.project, &tree, &context.compose_version);
        let (builds, mistakes) = match read {
            Ok((builds, found)) => {
                warnings.extend(found);
                (builds, Vec::new())
            }
            Err(mistakes) => (Builds::default(), mistakes),
        };
        let rendered = desired::render(&loaded.project, tree.as_ref(), &context, &builds);
        let more = rendered.as_ref().err().into_iter().flatten().cloned();
        let all: Vec<Diagnostic> = mistakes.into_iter().chain(more).collect();
        let desired = rendered.ok().filter(|_| all.is_empty()).ok_or(all)?;
        warnings.extend(desired::warnings(&loaded.project, tree.as_ref(), &context));
        let mounted = desired.files.iter().map(|mounted| mounted.path.as_str());
        let files = content::collect(tree.as_ref(), mounted)
            .map_err(|error| vec![Diagnostic::error("unreadable-mount", error.to_string())])?;
        let redactor = Redactor::new(secrets(&loaded.project, tree.as_ref(), &desired));
        Ok(Rendered { desired, files, redactor, warnings, adoption, api: Some(api) })
    }

    #[expect(clippy::type_complexity, reason = "three things that only the caller uses")]
    fn reader(
        &self,
        stack: &StackSpec,
        revision: &Revision,
        root: &str,
    ) -> Result<(Arc<dyn Tree>, compose::Options, Option<String>), Vec<Diagnostic>> {
        match (&self.definitions, &revision.commit) {
            (Definitions::Git(source), Some(commit)) => {
                let tree = source.tree(commit, root).map_err(|error| vec![unreadable(&error)])?;
                let working_dir = super::stack::join(root, &stack.folder);
                let below = |files: &[String]| files.to_vec();
                let options = compose::Options {
                    files: below(&stack.files),
                    profiles: stack.profiles.clone(),
                    env_files: below(&stack.env_files),
                    name: stack.project.clone(),
                    default_name: Some(stack.name.to_string()),
                    stop_discovery_at: Some(working_dir.clone()),
                    working_dir,
                    environment: BTreeMap::new(),
                    project_directory: None,
                    skip: compose::Skip::default(),
                };
                Ok((Arc::new(tree), options, Some(root.to_owned())))
            }
            (Definitions::Folder { options, .. }, _) => Ok((Arc::new(FolderTree), (**options).clone(), None)),
            (Definitions::Git(_), None) => Err(vec![Diagnostic::error(
                "no-commit",
                "a git source is read at a commit, and none is named",
            )]),
        }
    }
}

fn unreadable(error: &crate::git::GitError) -> Diagnostic {
    Diagnostic::error("unreadable", error.to_string()).hint(error.hint())
}

fn path_text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// What must not be seen: the content of secrets, and the values of variables whose names say that they are secret.
fn secrets(project: &compose::Project, tree: &dyn Tree, desired: &Desired) -> Vec<Secret> {
    const TELLING: [&str; 8] = ["PASS", "SECRET", "TOKEN", "KEY", "CREDENTIAL", "AUTH", "PRIVATE", "DSN"];
    let telling = |name: &str| TELLING.iter().any(|word| name.to_ascii_uppercase().contains(word));
    let mut all: Vec<Secret> = Vec::new();
    for (key, object) in &project.secrets {
        all.extend(project.secret_value(key));
        if !object.file.is_empty()
            && let Ok(bytes) = tree.read(&object.file)
        {
            all.push(Secret::new(String::from_utf8_lossy(&bytes).trim()));
        }
    }
    let environments = project.services.keys().filter_map(|name| project.resolved_environment(name));
    let builds = project.services.values().filter_map(|service| service.build.as_ref());
    let args = builds.flat_map(|build| &build.args);
    for (name, value) in environments.flatten().chain(args) {
        if let Some(value) = value.as_ref().filter(|_| telling(name)) {
            all.push(Secret::new(value.as_str()));
        }
    }
    for (name, value) in &project.environment {
        if telling(name) {
            all.push(Secret::new(value.as_str()));
        }
    }
    let archives = desired.services.values().flat_map(|s| &s.containers).flat_map(|c| &c.archives);
    all.extend(archives.map(|archive| archive.content.clone()));
    all
}
