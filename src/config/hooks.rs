//! Providers, to which events are sent, and receivers, to which forges send pushes.

use std::fmt;
use std::path::Path;

use reqwest::Url;

use super::secret_file;
use super::secret_file::SecretError;
use crate::core::diag::Diagnostic;
use crate::core::diag::Severity;
use crate::core::model::Secret;
use crate::core::model::SourceName;
use crate::core::model::StackName;
use crate::core::run::EventFilter;
use crate::core::shape::Section;
use crate::core::shape::Text;

/// A webhook that is told what happens.
#[derive(Clone)]
pub struct Provider {
    /// Its name.
    pub name: String,
    /// Where events are posted. Such addresses often hold a token, so it is kept as a secret.
    pub url: Secret,
    /// The key that events are signed with; `None` leaves them unsigned.
    pub key: Option<Secret>,
    /// The types of events that are wanted.
    pub events: EventFilter,
    /// Only these sources; all if empty.
    pub sources: Vec<SourceName>,
    /// Only these stacks; all if empty.
    pub stacks: Vec<StackName>,
}

/// An endpoint for pushes, `POST /hook/NAME`.
#[derive(Clone)]
pub struct Receiver {
    /// Its name, the last part of the URL.
    pub name: String,
    /// The key that pushes are signed with. Without one the endpoint is off: nothing is ever accepted unsigned.
    pub key: Option<Secret>,
    /// The sources that are looked at; all if empty.
    pub sources: Vec<SourceName>,
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider")
            .field("name", &self.name)
            .field("events", &self.events)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("name", &self.name)
            .field("sources", &self.sources)
            .finish_non_exhaustive()
    }
}

/// Reads one of the host file's providers. What is wrong is noted.
pub(super) fn read_provider(
    section: &Section<'_>,
    folder: &Path,
    problems: &mut Vec<Diagnostic>,
) -> Option<Provider> {
    let name = section.text("name").and_then(|name| name.parse("bad-name", problems, hook_name));
    let url = provider_url(section, folder, problems);
    let key = section
        .text("secretFile")
        .and_then(|file| file.parse("secret", problems, |file| secret_file::read_key(&folder.join(file))));
    let mut events = Vec::new();
    for event in section.texts("events") {
        events.extend(
            event.parse("bad-event", problems, |text| EventFilter::new([text]).map(|_| text.to_owned())),
        );
    }
    let mut stacks = Vec::new();
    for stack in section.texts("stacks") {
        stacks.extend(stack.parse("bad-name", problems, StackName::new));
    }
    Some(Provider {
        name: name?,
        url: url?,
        key,
        events: EventFilter::new(events).ok()?,
        sources: source_names(section, problems),
        stacks,
    })
}

/// Reads one of the host file's receivers. What is wrong is noted; a secret that is not there is only warned of.
pub(super) fn read_receiver(
    section: &Section<'_>,
    folder: &Path,
    problems: &mut Vec<Diagnostic>,
) -> Option<Receiver> {
    let name = section.text("name").and_then(|name| name.parse("bad-name", problems, hook_name));
    let key = receiver_key(section, folder, problems);
    let sources = source_names(section, problems);
    Some(Receiver { name: name?, key, sources })
}

/// Returns the provider that the command line asks for, by the first name that is free.
pub(super) fn webhook_from_arguments(
    url: &str,
    secret_file: Option<&Path>,
    others: &[Provider],
) -> Result<Provider, Diagnostic> {
    let url = checked_url(Secret::new(url)).map_err(|error| Diagnostic::error("bad-url", error))?;
    let key = secret_file
        .map(secret_file::read_key)
        .transpose()
        .map_err(|error| Diagnostic::error("secret", error.to_string()))?;
    let free = |name: &String| others.iter().all(|other| other.name != *name);
    let numbered = (2..).map(|number| format!("webhook-{number}"));
    let name = std::iter::once("webhook".to_owned()).chain(numbered).find(free);
    Ok(Provider {
        name: name.expect("finitely many names are taken"),
        url,
        key,
        events: EventFilter::default(),
        sources: Vec::new(),
        stacks: Vec::new(),
    })
}

fn provider_url(section: &Section<'_>, folder: &Path, problems: &mut Vec<Diagnostic>) -> Option<Secret> {
    match (section.text("url"), section.text("urlFile")) {
        (Some(url), None) => url.parse("bad-url", problems, |url| checked_url(Secret::new(url))),
        (None, Some(file)) => {
            let url = file.parse("secret", problems, |file| secret_file::read(&folder.join(file)))?;
            file.parse("bad-url", problems, |_| checked_url(url))
        }
        (Some(_), Some(file)) => {
            problems.push(file.error("conflict", "only one of `url` and `urlFile` can be given"));
            None
        }
        (None, None) => {
            problems.push(section.error("url", "missing-key", "`url` or `urlFile` is missing"));
            None
        }
    }
}

/// Refuses what is no http address, without repeating it.
fn checked_url(url: Secret) -> Result<Secret, &'static str> {
    match Url::parse(url.expose()) {
        Ok(parsed) if matches!(parsed.scheme(), "http" | "https") && parsed.has_host() => Ok(url),
        _ => Err("this is not an http:// or https:// address"),
    }
}

fn receiver_key(section: &Section<'_>, folder: &Path, problems: &mut Vec<Diagnostic>) -> Option<Secret> {
    let off = |mut warning: Diagnostic, why: &str| {
        warning.severity = Severity::Warning;
        warning.message = format!("this receiver is off: {why}");
        warning.hint("nothing is accepted unsigned")
    };
    let Some(file) = section.text("secretFile") else {
        problems.push(off(section.error("secretFile", "receiver-off", ""), "`secretFile` is missing"));
        return None;
    };
    match secret_file::read_key(&folder.join(file.text)) {
        Ok(key) => Some(key),
        Err(error @ (SecretError::Missing(_) | SecretError::Empty(_))) => {
            problems.push(off(file.error("receiver-off", ""), &error.to_string()));
            None
        }
        Err(error) => {
            problems.push(file.error("secret", error.to_string()));
            None
        }
    }
}

fn source_names(section: &Section<'_>, problems: &mut Vec<Diagnostic>) -> Vec<SourceName> {
    let mut names = Vec::new();
    for name in section.texts("sources") {
        names.extend(name.parse("bad-name", problems, SourceName::new));
    }
    names
}

/// A hook's name is a part of a URL and of a metric, so it may hold little.
fn hook_name(name: &str) -> Result<String, String> {
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    if !name.is_empty() && name.len() <= 64 && name.bytes().all(fits) {
        Ok(name.to_owned())
    } else {
        Err(format!("invalid name `{}`: use letters, digits, `-` and `_`, 64 at most", name.escape_debug()))
    }
}

/// Notes every source in a hook's `sources` that is not there.
pub(super) fn check_sources(section: &Section<'_>, known: &[Text<'_>], problems: &mut Vec<Diagnostic>) {
    for name in section.texts("sources") {
        let names = known.iter().map(|source| source.text);
        if names.clone().all(|known| known != name.text) {
            let problem = name.error("unknown-source", format!("there is no source `{}`", name.text));
            problems.push(match crate::core::diag::did_you_mean(name.text, names) {
                Some(meant) => problem.hint(format!("did you mean `{meant}`?")),
                None => problem,
            });
        }
    }
}
