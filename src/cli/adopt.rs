//! `adopt`: shows which running Compose projects the repository's stacks could take over and what that would change, and
//! takes them over if asked to. It touches no container itself.

use std::path::Path;

use super::Exit;
use super::args;
use super::args::Output;
use super::assemble;
use super::deploy;
use super::output;
use super::output::Problem;
use crate::config::from_doco_cd;
use crate::controller::Job;
use crate::controller::PlanError;
use crate::controller::Planned;
use crate::controller::Reconciler;
use crate::core::observed::Adoption;
use crate::core::observed::Observed;
use crate::core::observed::free_projects;
use crate::ports::Engine;
use crate::ports::EngineError;
use crate::store::Store;

/// A project that runs, and the stack that it would belong to.
struct Candidate {
    project: String,
    matched: Result<(Job, Planned), String>,
}

/// Shows what could be taken over, and does it with `--yes`.
pub(super) async fn adopt(arguments: &args::Adopt) -> Result<Exit, Problem> {
    if let Some(folder) = &arguments.from_doco_cd {
        return convert(folder, arguments.target.as_deref());
    }
    let config = assemble::config(&arguments.place, Some(&arguments.repo))?;
    let engine = assemble::engine(&config)?;
    let reconciler = assemble::reconciler(engine, Store::in_memory(config.instance.as_str())?);
    let observed = look(reconciler.engine.as_ref(), &arguments.projects).await?;
    let free = free_projects(&observed);
    if let Some(unknown) = arguments.projects.iter().find(|wanted| !free.contains(&wanted.as_str())) {
        let running =
            if free.is_empty() { "none runs".into() } else { format!("there are: {}", free.join(", ")) };
        return Err(Problem::new(format!(
            "Docker Compose runs no project `{unknown}` that is free to be taken over"
        ))
        .hint(running));
    }
    let jobs = deploy::of_sources(None, &config).await?;
    let mut candidates = Vec::new();
    for project in free.iter().filter(|name| wanted(arguments, name)) {
        let matched = find(&reconciler, &jobs, &observed, project).await?;
        candidates.push(Candidate { project: (*project).to_owned(), matched });
    }
    show(arguments, &candidates)?;
    let found = candidates.iter().filter(|candidate| candidate.matched.is_ok()).count();
    if !arguments.yes {
        if found > 0 {
            output::note("Nothing was changed. Say so with `--yes`, and they are taken over.");
        }
        return Ok(if found > 0 { Exit::Changed } else { Exit::Good });
    }
    for candidate in &candidates {
        let Ok((job, planned)) = &candidate.matched else { continue };
        reconciler.take_over(job, planned).await.map_err(|why| {
            Problem::new(format!("`{}` could not be taken over: {why}", candidate.project))
                .hint("check the data folder's owner and space")
        })?;
        output::note(&format!("`{}` belongs to stack {} now", candidate.project, job.id()));
    }
    Ok(Exit::Good)
}

/// Prints what doco-cd's file says as an `evenkeel.yaml`.
fn convert(folder: &Path, target: Option<&str>) -> Result<Exit, Problem> {
    let stem = target.map_or_else(|| ".doco-cd".to_owned(), |target| format!(".doco-cd.{target}"));
    let names = ["yaml", "yml"].map(|ending| format!("{stem}.{ending}"));
    let found = names.iter().find(|name| folder.join(name).is_file());
    let Some(name) = found else {
        let problem = format!("there is no {} in {}", names.join(" or "), folder.display());
        return Err(Problem::new(problem).hint("a file for a target is named with `--target`"));
    };
    let text = std::fs::read_to_string(folder.join(name))
        .map_err(|error| Problem::new(format!("{name} cannot be read: {error}")))?;
    let converted = from_doco_cd(&text, name).map_err(Problem::findings)?;
    converted.warnings.iter().for_each(output::finding);
    output::data(&converted.text)?;
    Ok(Exit::Good)
}

fn wanted(arguments: &args::Adopt, project: &str) -> bool {
    arguments.projects.is_empty() || arguments.projects.iter().any(|wanted| wanted == project)
}

/// Looks at the engine, closely at the projects that somebody runs with Docker Compose.
async fn look(engine: &dyn Engine, named: &[String]) -> Result<Observed, Problem> {
    let problem = |error: EngineError| {
        Problem::new(format!("the engine: {error}")).hint("check DOCKER_HOST and that Docker runs")
    };
    if !named.is_empty() {
        return engine.observe(named).await.map_err(problem);
    }
    let observed = engine.observe(&[]).await.map_err(problem)?;
    let projects: Vec<String> = free_projects(&observed).into_iter().map(str::to_owned).collect();
    engine.observe(&projects).await.map_err(problem)
}

/// Finds the stack whose project it is, and plans it. That there is none is no failure of the command.
async fn find(
    reconciler: &Reconciler,
    jobs: &[Job],
    observed: &Observed,
    project: &str,
) -> Result<Result<(Job, Planned), String>, Problem> {
    let Some(adoption) = Adoption::of_project(observed, project) else {
        return Ok(Err("its containers cannot be looked at".into()));
    };
    let mut why = format!(
        "no stack of the repository is project `{project}`: it is the `name:` at the top of its compose file, or else \
         its folder's name"
    );
    for job in jobs {
        match reconciler.plan_adoption(job, adoption.clone()).await {
            Ok(planned) if planned.rendered.desired.project.as_str() == project => {
                return Ok(Ok((job.clone(), planned)));
            }
            Err(PlanError::Engine(error)) => return Err(deploy::problem(PlanError::Engine(error))),
            Err(PlanError::Files(text)) if job.stack.name.as_str() == project => {
                why = format!(
                    "{text}; the files in {} must be as in the repository first: compare them, and copy what is right",
                    adoption.working_dir
                );
            }
            Err(PlanError::Definition(findings)) if job.stack.name.as_str() == project => {
                let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
                why = format!("stack {} cannot be read: {}", job.id(), lines.join("; "));
            }
            Ok(_) | Err(_) => {}
        }
    }
    Ok(Err(why))
}

fn show(arguments: &args::Adopt, candidates: &[Candidate]) -> Result<(), Problem> {
    if arguments.output == Output::Json {
        let values: Vec<serde_json::Value> = candidates.iter().map(as_json).collect();
        return output::json(&values);
    }
    if candidates.is_empty() {
        return output::data("Docker Compose runs no project that is free to be taken over.\n");
    }
    for candidate in candidates {
        let dir = candidate.matched.as_ref().ok().and_then(|(_, planned)| planned.rendered.adoption.as_ref());
        let project = match dir {
            Some(adoption) => format!("{} in {}", candidate.project, adoption.working_dir),
            None => candidate.project.clone(),
        };
        let text = match &candidate.matched {
            Ok((job, planned)) if is_exact(planned) => {
                format!("{project} → stack {}: an exact match, no container is touched\n", job.id())
            }
            Ok((job, planned)) => {
                let plan = deploy::redacted(planned, &planned.plan.to_text());
                let revision = planned.plan.revision.short();
                format!("{project} → stack {}: the next pass would bring it to {revision}\n{plan}", job.id())
            }
            Err(why) => format!("{project}: left alone: {why}\n"),
        };
        output::data(&text)?;
    }
    Ok(())
}

/// Returns true if nothing would change. Something may be waited for all the same, such as a health check's first word.
fn is_exact(planned: &Planned) -> bool {
    planned.plan.changes.is_empty() && planned.plan.refusals.is_empty()
}

fn as_json(candidate: &Candidate) -> serde_json::Value {
    match &candidate.matched {
        Ok((job, planned)) => serde_json::json!({
            "project": candidate.project,
            "stack": job.id().to_string(),
            "workingDir": planned.rendered.adoption.as_ref().map(|adoption| &adoption.working_dir),
            "exact": is_exact(planned),
            "plan": deploy::as_json(planned),
        }),
        Err(why) => serde_json::json!({ "project": candidate.project, "reason": why }),
    }
}
