//! `docker compose`'s own project options, from arguments and the environment.

use std::path::Path;

use super::config_cmd::ProjectArgs;
use super::output::Problem;
use crate::core::compose;

/// Returns the options for a folder's project.
pub(super) fn options(project: &ProjectArgs, folder: &Path) -> Result<compose::Options, Problem> {
    let folder = std::path::absolute(folder)
        .map_err(|error| Problem::new(format!("cannot use {}: {error}", folder.display())))?;
    Ok(project.options(folder.to_string_lossy().into_owned(), std::env::vars().collect()))
}
