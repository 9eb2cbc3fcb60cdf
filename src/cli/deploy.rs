//! `plan` and `apply`: one pass over a folder or a repository, looked at or done.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::Exit;
use super::args;
use super::args::PlanOutput;
use super::assemble;
use super::output;
use super::output::Problem;
use super::project;
use crate::controller;
use crate::controller::Definitions;
use crate::controller::Job;
use crate::controller::PlanError;
use crate::controller::Planned;
use crate::controller::Reconciler;
use crate::controller::Site;
use crate::controller::stack::StackSpec;
use crate::core::compose;
use crate::core::model::CommitId;
use crate::core::model::Revision;
use crate::core::model::SourceName;
use crate::core::model::StackName;
use crate::core::run::Initiator;
use crate::core::run::Memory;
use crate::core::run::Verdict;
use crate::git::GitSource;
use crate::publish::FolderTree;
use crate::store::Store;

/// Shows what would change.
pub(super) async fn plan(arguments: &args::Deploy) -> Result<Exit, Problem> {
    let config = assemble::config(&arguments.place, Some(&arguments.repo))?;
    let engine = assemble::engine(&config)?;
    // Memory is only read: another process may have the database, or there may be none.
    let store = Store::in_memory(config.instance.as_str())?;
    let reader = crate::store::Reader::open(&assemble::database(&config)).ok();
    let reconciler = assemble::reconciler(engine, store);
    let jobs = jobs(arguments, &config).await?;
    let mut plans = Vec::new();
    for job in &jobs {
        let memory = match &reader {
            Some(reader) => reader.memory(&job.id())?,
            None => Memory::default(),
        };
        let planned = reconciler.plan(job, &memory).await.map_err(problem)?;
        planned.rendered.warnings.iter().for_each(output::finding);
        plans.push(planned);
    }
    print(arguments, &plans)?;
    let refused = plans.iter().any(|planned| !planned.plan.refusals.is_empty());
    Ok(match plans.iter().all(|planned| planned.plan.is_empty()) {
        _ if refused => Exit::Failed,
        true => Exit::Good,
        false => Exit::Changed,
    })
}

/// Brings stacks to what the files say.
pub(super) async fn apply(arguments: &args::Apply) -> Result<Exit, Problem> {
    let deploy = &arguments.deploy;
    let mut config = assemble::config(&deploy.place, Some(&deploy.repo))?;
    if let Some(time) = arguments.min_healthy_time {
        config.settings.min_healthy_time = time;
    }
    let engine = assemble::engine(&config)?;
    let reconciler = assemble::reconciler(engine, assemble::store(&config)?);
    let jobs = jobs(deploy, &config).await?;
    let mut exit = Exit::Good;
    for job in &jobs {
        let report = apply_one(&reconciler, job).await?;
        exit = match report {
            Verdict::NothingToDo | Verdict::Succeeded | Verdict::Suspended => exit,
            Verdict::Refused if exit == Exit::Good => Exit::Failed,
            _ => Exit::Changed,
        };
    }
    Ok(exit)
}

async fn apply_one(reconciler: &Reconciler, job: &Job) -> Result<Verdict, Problem> {
    // A definition that cannot be read, or a plan that is refused, is an error before any change.
    let memory = reconciler.memory(job).await.map_err(problem)?;
    let planned = reconciler.plan(job, &memory).await.map_err(problem)?;
    planned.rendered.warnings.iter().for_each(output::finding);
    output::data(&format!("{}\n{}", heading(&planned), redacted(&planned, &planned.plan.to_text())))?;
    if !planned.plan.refusals.is_empty() {
        return Ok(Verdict::Refused);
    }
    if planned.plan.is_empty() && memory.last_stable.as_ref() == Some(&job.revision) && memory.bad.is_none() {
        // A pass would look again, find the same and remember nothing new.
        return Ok(Verdict::NothingToDo);
    }
    let report = reconciler.pass(job, &interrupted()).await;
    output::note(&format!("{}: {}: {}", job.id(), report.verdict, report.message));
    Ok(report.verdict)
}

/// Returns a token that ctrl-c cancels.
fn interrupted() -> CancellationToken {
    let cancel = CancellationToken::new();
    let token = cancel.clone();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            token.cancel();
        }
    });
    cancel
}

/// Returns the stacks that the arguments mean.
async fn jobs(arguments: &args::Deploy, config: &crate::config::Config) -> Result<Vec<Job>, Problem> {
    let mut jobs = match &arguments.dir {
        Some(folder) => vec![of_folder(arguments, config, folder)?],
        None => of_sources(arguments.revision.as_deref(), config).await?,
    };
    for wanted in &arguments.stacks {
        if !jobs.iter().any(|job| job.stack.name.as_str() == wanted) {
            let known: Vec<&str> = jobs.iter().map(|job| job.stack.name.as_str()).collect();
            return Err(Problem::new(format!("there is no stack `{wanted}`"))
                .hint(format!("the stacks are: {}", known.join(", "))));
        }
    }
    if !arguments.stacks.is_empty() {
        jobs.retain(|job| arguments.stacks.iter().any(|wanted| job.stack.name.as_str() == wanted));
    }
    Ok(jobs)
}

fn of_folder(
    arguments: &args::Deploy,
    config: &crate::config::Config,
    folder: &std::path::Path,
) -> Result<Job, Problem> {
    let options = project::options(&arguments.project, folder)?;
    let loaded = compose::load(&FolderTree, &options).map_err(Problem::findings)?;
    let name =
        StackName::new(loaded.project.name.as_str()).map_err(|error| Problem::new(error.to_string()))?;
    let source = SourceName::new("folder").map_err(|error| Problem::new(error.to_string()))?;
    let path = options.working_dir.clone();
    let site = Site {
        instance: config.instance.clone(),
        source,
        data_dir: config.data_dir.clone(),
        defaults: config.settings.clone(),
        definitions: Definitions::Folder { path, options: Box::new(options) },
    };
    Ok(Job {
        site: Arc::new(site),
        stack: StackSpec::of_folder(name, ""),
        revision: Revision::folder(),
        commit: None,
        initiator: Initiator::Cli,
    })
}

/// Returns all stacks of all sources, at a revision or at the newest commit.
pub(super) async fn of_sources(
    revision: Option<&str>,
    config: &crate::config::Config,
) -> Result<Vec<Job>, Problem> {
    if config.sources.is_empty() {
        return Err(Problem::new("there is no repository to read")
            .hint("name a folder with `--dir`, a repository with `--repo`, or a file with `--config`"));
    }
    let mut jobs = Vec::new();
    for source in &config.sources {
        let git = assemble::git(config, source)?;
        let polled = git
            .run(GitSource::poll)
            .await
            .map_err(|error| Problem::new(format!("source `{}`: {error}", source.name)).hint(error.hint()))?;
        let revision = match revision {
            None => polled.revision(),
            Some(text) => {
                let commit: CommitId = git.resolve(text).map_err(|error| {
                    Problem::new(format!("source `{}`: {error}", source.name)).hint(error.hint())
                })?;
                Revision::of(text, commit)
            }
        };
        let stacks =
            controller::stacks(&git, &revision, &source.path, &source.name).map_err(Problem::findings)?;
        let site = assemble::site(config, source, &git);
        jobs.extend(stacks.into_iter().map(|stack| Job {
            site: Arc::clone(&site),
            stack,
            revision: revision.clone(),
            commit: None,
            initiator: Initiator::Cli,
        }));
    }
    Ok(jobs)
}

pub(super) fn problem(error: PlanError) -> Problem {
    match error {
        PlanError::Definition(findings) => Problem::findings(findings),
        PlanError::Engine(error) => Problem::new(format!("the engine: {error}"))
            .hint("check DOCKER_HOST and that Docker runs; `evenkeel check` looks at it"),
        PlanError::Files(why) | PlanError::Store(why) => Problem::new(why),
    }
}

fn heading(planned: &Planned) -> String {
    let plan = &planned.plan;
    format!("{}/{} at {}", plan.owner.source, plan.owner.stack, plan.revision.short())
}

pub(super) fn redacted(planned: &Planned, text: &str) -> String {
    planned.rendered.redactor.redact(text)
}

fn print(arguments: &args::Deploy, plans: &[Planned]) -> Result<(), Problem> {
    if arguments.output == PlanOutput::Json {
        let values: Vec<serde_json::Value> = plans.iter().map(as_json).collect();
        return output::json(&values);
    }
    let mut text = String::new();
    for planned in plans {
        let body = redacted(planned, &planned.plan.to_text());
        let steps =
            if arguments.steps { redacted(planned, &planned.plan.steps_text()) } else { String::new() };
        let (before, after) = match arguments.output {
            PlanOutput::Markdown => ("### ", "```\n"),
            _ => ("", ""),
        };
        let fence = if before.is_empty() { "" } else { "\n```diff\n" };
        for part in [before, &heading(planned), "\n", fence, &body, &steps, after] {
            text.push_str(part);
        }
    }
    if plans.is_empty() {
        text.push_str("There are no stacks.\n");
    }
    output::data(&text)
}

pub(super) fn as_json(planned: &Planned) -> serde_json::Value {
    let plan = &planned.plan;
    let value = serde_json::json!({
        "source": plan.owner.source,
        "stack": plan.owner.stack,
        "revision": plan.revision.to_string(),
        "changes": plan.changes,
        "refusals": plan.refusals,
        "notes": plan.notes,
        "steps": plan.steps_text().lines().collect::<Vec<_>>(),
        "summary": plan.summary(),
    });
    serde_json::from_str(&redacted(planned, &value.to_string())).unwrap_or(value)
}
