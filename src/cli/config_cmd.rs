//! `evenkeel config`: prints what `docker compose config` prints.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

use crate::core::compose::HashFlavor;
use crate::core::compose::Options;
use crate::core::compose::Project;
use crate::core::compose::Skip;
use crate::core::compose::load;
use crate::publish::FolderTree;

/// The options that say which Compose project is meant; the same as Docker Compose's.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct ProjectArgs {
    /// A Compose file; may be given several times, later ones are merged over earlier ones
    #[arg(short, long = "file", value_name = "FILE")]
    pub(super) file: Vec<String>,
    /// An active profile
    #[arg(long, value_name = "PROFILE")]
    pub(super) profile: Vec<String>,
    /// A file with variables, instead of .env
    #[arg(long, value_name = "FILE")]
    pub(super) env_file: Vec<String>,
    /// The folder that relative paths are resolved against
    #[arg(long, value_name = "DIR")]
    pub(super) project_directory: Option<String>,
    /// The project's name
    #[arg(short, long, value_name = "NAME")]
    pub(super) project_name: Option<String>,
}

/// The form of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(super) enum Format {
    /// YAML.
    #[default]
    Yaml,
    /// JSON.
    Json,
}

/// `evenkeel config`.
#[derive(Debug, Clone, Default, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(super) struct ConfigArgs {
    /// Which project
    #[command(flatten)]
    pub(super) project: ProjectArgs,
    /// The form of the output
    #[arg(long, value_enum, default_value_t)]
    pub(super) format: Format,
    /// Print the config hash of these services (separated by commas), or of all with `*`
    #[arg(long, value_name = "SERVICES")]
    pub(super) hash: Option<String>,
    /// Print the names of the services
    #[arg(long)]
    pub(super) services: bool,
    /// Print the names of the volumes
    #[arg(long)]
    pub(super) volumes: bool,
    /// Print the names of the networks
    #[arg(long)]
    pub(super) networks: bool,
    /// Print the names of the profiles
    #[arg(long)]
    pub(super) profiles: bool,
    /// Print the images
    #[arg(long)]
    pub(super) images: bool,
    /// Print the names of the AI models
    #[arg(long)]
    pub(super) models: bool,
    /// Print the variables that are interpolated from
    #[arg(long)]
    pub(super) environment: bool,
    /// Print nothing, only check
    #[arg(short, long)]
    pub(super) quiet: bool,
    /// Write the project to a file instead of printing it
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    /// Do not check that what is referred to is there
    #[arg(long)]
    pub(super) no_consistency: bool,
    /// Leave out what follows from what is written: names, the default network, implied dependencies
    #[arg(long)]
    pub(super) no_normalize: bool,
    /// Leave relative paths as they are written
    #[arg(long)]
    pub(super) no_path_resolution: bool,
    /// Accepted for Docker Compose's sake, where it changes nothing either
    #[arg(long)]
    pub(super) no_env_resolution: bool,
    /// Not supported: it needs a registry
    #[arg(long)]
    pub(super) resolve_image_digests: bool,
    /// Not supported: it needs a registry
    #[arg(long)]
    pub(super) lock_image_digests: bool,
}

impl ProjectArgs {
    /// Returns the loader's options for these arguments.
    pub(super) fn options(&self, working_dir: String, environment: BTreeMap<String, String>) -> Options {
        Options {
            files: self.file.clone(),
            project_directory: self.project_directory.clone(),
            working_dir,
            name: self.project_name.clone(),
            profiles: self.profile.clone(),
            env_files: self.env_file.clone(),
            environment,
            ..Options::default()
        }
    }
}

/// Runs the command. Returns the exit code: 0, or 1 if the project does not load.
///
/// # Errors
/// Fails if the output cannot be written.
pub(super) fn run(
    args: &ConfigArgs,
    working_dir: String,
    environment: BTreeMap<String, String>,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> std::io::Result<u8> {
    if args.resolve_image_digests || args.lock_image_digests {
        writeln!(
            err,
            "error: digests are known to registries alone, and `config` asks none: leave the option out"
        )?;
        return Ok(1);
    }
    let skip = Skip {
        consistency: args.no_consistency,
        paths: args.no_path_resolution,
        normalize: args.no_normalize,
    };
    let options = Options { skip, ..args.project.options(working_dir, environment) };
    match load(&FolderTree, &options) {
        Ok(loaded) => {
            for warning in &loaded.warnings {
                writeln!(err, "warning: {warning}")?;
            }
            print(args, &loaded.project, out, err)
        }
        Err(errors) => {
            for error in &errors {
                writeln!(err, "error: {error}")?;
            }
            Ok(1)
        }
    }
}

fn print(
    args: &ConfigArgs,
    project: &Project,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> std::io::Result<u8> {
    if args.quiet {
        return Ok(0);
    }
    if let Some(wanted) = &args.hash {
        return hashes(wanted, project, out, err);
    }
    let lines = |out: &mut dyn Write, lines: Vec<String>| -> std::io::Result<u8> {
        lines.iter().try_for_each(|line| writeln!(out, "{line}"))?;
        Ok(0)
    };
    if args.services {
        return lines(out, project.services.keys().cloned().collect());
    }
    if args.volumes {
        return lines(out, project.volumes.keys().cloned().collect());
    }
    if args.networks {
        return lines(out, project.networks.keys().cloned().collect());
    }
    if args.profiles {
        let all = project.services.values().chain(project.disabled.values()).flat_map(|s| s.profiles.clone());
        let unique: std::collections::BTreeSet<String> = all.collect();
        return lines(out, unique.into_iter().collect());
    }
    if args.images {
        let images = project.services.iter().map(|(name, service)| {
            if service.image.is_empty() { format!("{}-{name}", project.name) } else { service.image.clone() }
        });
        return lines(out, images.collect());
    }
    if args.models {
        let names = project.models.values().map(|model| model.model.clone());
        return lines(out, names.filter(|name| !name.is_empty()).collect());
    }
    if args.environment {
        return lines(out, project.environment.iter().map(|(key, value)| format!("{key}={value}")).collect());
    }
    if args.format == Format::Json
        && let Some(reason) = project.without_json_form()
    {
        writeln!(err, "error: {reason}; print YAML")?;
        return Ok(1);
    }
    let Some(path) = &args.output else {
        write(args.format, project, out)?;
        return Ok(0);
    };
    let written = std::fs::File::create(path).and_then(|file| {
        let mut file = std::io::BufWriter::new(file);
        write(args.format, project, &mut file)?;
        file.flush()
    });
    if let Err(error) = written {
        writeln!(err, "error: cannot write {}: {error}", path.display())?;
        return Ok(1);
    }
    Ok(0)
}

fn write(format: Format, project: &Project, out: &mut dyn Write) -> std::io::Result<()> {
    let write = |text: &str| out.write_all(text.as_bytes());
    match format {
        Format::Json => project.write_json(write),
        Format::Yaml => project.write_yaml(write),
    }
}

fn hashes(wanted: &str, project: &Project, out: &mut dyn Write, err: &mut dyn Write) -> std::io::Result<u8> {
    let names: Vec<&str> = match wanted {
        "*" => project.services.keys().map(String::as_str).collect(),
        list => list.split(',').collect(),
    };
    for name in names {
        let Some(hash) = project.service_hash(name, HashFlavor::V2) else {
            writeln!(err, "error: no such service: {name}")?;
            return Ok(1);
        };
        writeln!(out, "{name} {hash}")?;
    }
    Ok(0)
}
