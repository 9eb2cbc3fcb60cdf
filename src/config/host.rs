//! The host's file to a [`Config`].

use std::net::SocketAddr;
use std::path::Path;

use super::Config;
use super::ConfigError;
use super::Engine;
use super::HOST;
use super::Loaded;
use super::Log;
use super::LogFormat;
use super::LogLevel;
use super::hooks;
use super::source;
use crate::core::desired::settings;
use crate::core::diag::Diagnostic;
use crate::core::diag::Severity;
use crate::core::model::InstanceId;
use crate::core::shape::Section;
use crate::core::shape::Text;
use crate::core::shape::Value;
use crate::core::shape::check;

/// Reads the file's content; relative paths in it start at `folder`.
///
/// # Errors
/// Fails with all mistakes if there are any.
pub(super) fn read(bytes: &[u8], file: &str, folder: &Path) -> Result<Loaded<Config>, ConfigError> {
    let value = document(bytes, file).map_err(|problem| ConfigError::Invalid(vec![problem]))?;
    let mut problems = check(&value, HOST);
    let config = config(&Section::root(&value), folder, &mut problems);
    split(config, problems)
}

/// Returns the only document of a file.
pub(super) fn document(bytes: &[u8], file: &str) -> Result<Value, Diagnostic> {
    let text = std::str::from_utf8(bytes)
        .map_err(|_| Diagnostic::error("yaml", format!("{file} is not text in UTF-8")))?;
    Value::parse(text, file)
}

/// Returns the value with the warnings, or the errors in the order of the file if there are any.
pub(super) fn split<T>(value: T, mut problems: Vec<Diagnostic>) -> Result<Loaded<T>, ConfigError> {
    problems.sort_by(|a, b| a.place.cmp(&b.place));
    if problems.iter().any(|problem| problem.severity == Severity::Error) {
        return Err(ConfigError::Invalid(problems));
    }
    Ok(Loaded { value, warnings: problems })
}

fn config(root: &Section<'_>, folder: &Path, problems: &mut Vec<Diagnostic>) -> Config {
    let mut config = Config::default();
    if let Some(instance) = root.text("instance")
        && let Some(instance) = instance.parse("bad-name", problems, InstanceId::new)
    {
        config.instance = instance;
    }
    if let Some(data_dir) = root.text("dataDir") {
        config.data_dir = folder.join(data_dir.text);
    }
    if let Some(listen) = root.text("listen")
        && let Some(listen) = listen.parse("bad-address", problems, address)
    {
        config.listen = listen;
    }
    if root.text("engine").is_some_and(|engine| engine.text == "simulated") {
        config.engine = Engine::Simulated;
    }
    if let Some(defaults) = root.section("defaults") {
        config.settings = settings::wanted(&defaults, &config.settings, problems);
        if let Some(drift) = defaults.section("drift")
            && let Some(interval) = drift.duration("interval")
        {
            config.drift_interval = interval;
            if interval.as_secs() < 1 {
                problems.push(drift.error("interval", "bad-duration", "the interval must be at least 1s"));
            }
        }
    }
    if let Some(log) = root.section("log") {
        config.log = read_log(&log, config.log);
    }
    let sources = root.sections("sources");
    config.sources = sources.iter().filter_map(|section| source::read(section, folder, problems)).collect();
    if sources.is_empty() {
        let mut warning =
            root.error("sources", "no-sources", "there are no sources, so there is nothing to do");
        warning.severity = Severity::Warning;
        problems.push(warning.hint("add one under `sources:` with a name and a url"));
    }
    let known = unique_names(&sources, "source", problems);
    let providers = root.sections("providers");
    config.providers =
        providers.iter().filter_map(|section| hooks::read_provider(section, folder, problems)).collect();
    unique_names(&providers, "provider", problems);
    let receivers = root.sections("receivers");
    config.receivers =
        receivers.iter().filter_map(|section| hooks::read_receiver(section, folder, problems)).collect();
    unique_names(&receivers, "receiver", problems);
    for hook in providers.iter().chain(&receivers) {
        hooks::check_sources(hook, &known, problems);
    }
    config
}

fn read_log(section: &Section<'_>, default: Log) -> Log {
    let format = match section.text("format").map(|word| word.text) {
        Some("json") => LogFormat::Json,
        Some("text") => LogFormat::Text,
        _ => default.format,
    };
    let level = section.text("level").and_then(|word| LogLevel::from_word(word.text));
    Log { format, level: level.unwrap_or(default.level) }
}

fn address(text: &str) -> Result<Option<SocketAddr>, String> {
    if text == "off" {
        return Ok(None);
    }
    let hint = "write an IP address and a port such as 127.0.0.1:8470, or `off`";
    text.parse().map(Some).map_err(|_| format!("`{text}` is no address to listen at: {hint}"))
}

/// Returns the names of things that are named, and notes the second of two that are called the same.
pub(super) fn unique_names<'a>(
    sections: &[Section<'a>],
    what: &str,
    problems: &mut Vec<Diagnostic>,
) -> Vec<Text<'a>> {
    let names: Vec<Text<'a>> = sections.iter().filter_map(|section| section.text("name")).collect();
    for (index, name) in names.iter().enumerate() {
        if let Some(first) = names[..index].iter().find(|other| other.text == name.text) {
            let message = format!("another {what} is called `{}`, in line {}", name.text, first.place.line);
            problems.push(name.error("duplicate-name", message));
        }
    }
    names
}
