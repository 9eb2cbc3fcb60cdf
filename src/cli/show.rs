//! `get`, `history` and `events`: what the database knows. They read it while `run` writes.

use std::fmt::Write as _;

use jiff::Timestamp;

use super::Exit;
use super::args;
use super::args::Output;
use super::assemble;
use super::output;
use super::output::Problem;
use crate::core::model::Revision;
use crate::core::model::StackName;
use crate::core::run::EventFilter;
use crate::core::run::RunId;
use crate::store::EventQuery;
use crate::store::Reader;
use crate::store::RunQuery;

fn reader(place: &args::Place) -> Result<Reader, Problem> {
    Ok(Reader::open(&assemble::database(&assemble::config(place, None)?))?)
}

fn stack(name: Option<&String>) -> Result<Option<StackName>, Problem> {
    name.map(|name| StackName::new(name.as_str()))
        .transpose()
        .map_err(|error| Problem::new(error.to_string()))
}

/// Shows how the stacks stand.
pub(super) fn get(arguments: &args::Show) -> Result<Exit, Problem> {
    let mut statuses = reader(&arguments.place)?.statuses()?;
    if !arguments.stacks.is_empty() {
        statuses.retain(|status| arguments.stacks.iter().any(|name| status.id.stack.as_str() == name));
    }
    if arguments.output == Output::Json {
        output::json(&statuses)?;
        return Ok(Exit::Good);
    }
    let revision = |revision: &Option<Revision>| revision.as_ref().map_or("-".to_owned(), Revision::short);
    let mut table = vec![row(["SOURCE", "STACK", "SYNC", "HEALTH", "APPLIED", "STABLE", "MESSAGE"])];
    for status in &statuses {
        table.push(row([
            status.id.source.as_str(),
            status.id.stack.as_str(),
            status.sync.as_str(),
            status.health.as_str(),
            &revision(&status.last_applied),
            &revision(&status.last_stable),
            &status.message,
        ]));
    }
    output::data(&aligned(&table))?;
    Ok(Exit::Good)
}

/// Shows what was deployed.
pub(super) fn history(arguments: &args::History) -> Result<Exit, Problem> {
    let reader = reader(&arguments.place)?;
    if let Some(id) = &arguments.run {
        return one_run(&reader, id, arguments.output);
    }
    let query = RunQuery { source: None, stack: stack(arguments.stack.as_ref())?, limit: arguments.limit };
    let runs = reader.history(&query)?;
    if arguments.output == Output::Json {
        output::json(&runs)?;
        return Ok(Exit::Good);
    }
    let mut table = vec![row(["TIME", "STACK", "REVISION", "VERDICT", "BY", "RUN", "MESSAGE"])];
    for run in &runs {
        table.push(row([
            &time(run.started_at),
            &run.stack.to_string(),
            &run.revision.short(),
            run.phase.as_str(),
            run.initiator.as_str(),
            run.id.as_str(),
            run.message.lines().next().unwrap_or_default(),
        ]));
    }
    output::data(&aligned(&table))?;
    Ok(Exit::Good)
}

fn one_run(reader: &Reader, id: &str, form: Output) -> Result<Exit, Problem> {
    let unknown = || {
        Problem::new(format!("there is no run `{id}`"))
            .hint("`evenkeel history` lists the runs that are remembered")
    };
    let id = RunId::parse(id).ok_or_else(unknown)?;
    let detail = reader.run(&id)?.ok_or_else(unknown)?;
    if form == Output::Json {
        output::json(&detail)?;
        return Ok(Exit::Good);
    }
    let run = &detail.run;
    let mut text =
        format!("{} at {}: {}\n{}\n\n", run.stack, run.revision.short(), run.phase.as_str(), run.message);
    text.push_str(&detail.plan);
    text.push('\n');
    let mut table = vec![row(["STEP", "OBJECT", "ACTION", "STATE", "MESSAGE"])];
    for step in &detail.steps {
        let index = step.index.to_string();
        table.push(row([&index, &step.object, &step.action, step.state.as_str(), &step.message]));
    }
    text.push_str(&aligned(&table));
    output::data(&text)?;
    Ok(Exit::Good)
}

/// Shows what happened.
pub(super) fn events(arguments: &args::Events) -> Result<Exit, Problem> {
    let mut query = EventQuery::newest(arguments.limit);
    query.stack = stack(arguments.stack.as_ref())?;
    if !arguments.types.is_empty() {
        query.filter = EventFilter::new(arguments.types.iter().map(String::as_str))
            .map_err(|error| Problem::new(error.to_string()))?;
    }
    let events = reader(&arguments.place)?.events(&query)?;
    if arguments.output == Output::Json {
        output::json(&events)?;
        return Ok(Exit::Good);
    }
    let mut table = vec![row(["TIME", "TYPE", "OBJECT", "REVISION", "MESSAGE"])];
    for event in &events {
        table.push(row([
            &time(event.timestamp),
            event.kind.as_str(),
            &event.involved_object.to_string(),
            &event.metadata.revision.as_ref().map_or("-".to_owned(), Revision::short),
            gist(&event.message),
        ]));
    }
    output::data(&aligned(&table))?;
    Ok(Exit::Good)
}

/// Returns the line of a message that says most: a plan's summary, which is its last, or else the first.
fn gist(message: &str) -> &str {
    let summary = message.lines().find(|line| line.starts_with("Plan: "));
    summary.or_else(|| message.lines().next()).unwrap_or_default()
}

fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

fn row<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(str::to_owned).to_vec()
}

/// Returns the rows with their cells below one another; the last column is as long as it is.
fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            let _ = write!(line, "{cell:<width$}  ");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_shown_by_its_summary() {
        assert_eq!(gist("  + network a\n      not there\nPlan: 1 to create"), "Plan: 1 to create");
        assert_eq!(gist("first\nsecond"), "first");
    }

    #[test]
    fn cells_stand_below_one_another() {
        let rows = [row(["A", "LONG", "C"]), row(["äö", "b", ""])];
        assert_eq!(aligned(&rows), "A   LONG  C\näö  b\n");
    }
}
