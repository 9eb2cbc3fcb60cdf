//! Logs, for people or as JSON, to stderr.

use std::io;

use tracing::Level;
use tracing::Metadata;
use tracing::Subscriber;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::FilterExt as _;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Libraries that log request bodies, headers or addresses below `info`. No filter makes them say more than that.
const CAPPED: &[&str] =
    &["bollard", "h2", "hyper", "hyper_util", "hyper_rustls", "reqwest", "rustls", "tower"];

/// What a line of the log looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// Time, level, text, and values behind it.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// How to log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogOptions {
    /// What a line looks like.
    pub format: LogFormat,
    /// Colours; for the text form on a terminal.
    pub colour: bool,
    /// What is logged: a level, or `target=level` pairs with commas between them.
    pub filter: String,
}

impl Default for LogOptions {
    fn default() -> Self {
        Self { format: LogFormat::Text, colour: false, filter: "info".into() }
    }
}

/// Why logging could not be set up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// The filter cannot be read.
    #[error(
        "invalid log filter `{filter}`: {reason}: write a level such as `debug`, or `evenkeel::git=trace,info`"
    )]
    Filter {
        /// The filter as written.
        filter: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Something else in the process logs already.
    #[error("logging is set up already")]
    Twice,
}

/// Sets the process's log up.
///
/// # Errors
/// Fails if the filter cannot be read, or if logging is set up already.
pub fn init(options: &LogOptions) -> Result<(), LogError> {
    subscriber(options, io::stderr)?.try_init().map_err(|_| LogError::Twice)
}

fn subscriber<W>(options: &LogOptions, writer: W) -> Result<impl Subscriber + Send + Sync + 'static, LogError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let wanted = EnvFilter::try_new(&options.filter)
        .map_err(|error| LogError::Filter { filter: options.filter.clone(), reason: error.to_string() })?;
    let filter = wanted.and(filter_fn(is_discreet));
    let lines = fmt::layer().with_writer(writer).with_target(false).with_ansi(options.colour);
    let lines = match options.format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_target(true).boxed(),
    };
    Ok(tracing_subscriber::registry().with(lines.with_filter(filter)))
}

/// Returns false for what a capped library says below `info`.
fn is_discreet(metadata: &Metadata<'_>) -> bool {
    let crate_name = metadata.target().split("::").next().unwrap_or_default();
    *metadata.level() <= Level::INFO || !CAPPED.contains(&crate_name)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::Mutex;

    use super::*;

    #[derive(Clone, Default)]
    struct Memory(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Memory {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("not poisoned").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(options: &LogOptions, work: impl FnOnce()) -> String {
        let memory = Memory::default();
        let writer = memory.clone();
        let subscriber = subscriber(options, move || writer.clone()).expect("a filter");
        let guard = subscriber.set_default();
        work();
        drop(guard);
        String::from_utf8(memory.0.lock().expect("not poisoned").clone()).expect("text")
    }

    #[test]
    fn no_filter_makes_a_library_log_what_it_sends() {
        for filter in
            ["trace", "bollard=trace", "bollard::uri=trace,hyper::proto=trace,trace", "reqwest=debug"]
        {
            let options = LogOptions { filter: filter.into(), ..LogOptions::default() };
            let text = logged(&options, || {
                log::trace!(target: "bollard::uri", "canary");
                log::debug!(target: "hyper::proto", "canary");
                tracing::trace!(target: "bollard", "canary");
                tracing::debug!(target: "reqwest::connect", "canary");
                tracing::debug!(target: "rustls::client", "canary");
                log::warn!(target: "bollard", "seen from log");
                tracing::warn!(target: "bollard", "seen from tracing");
            });
            assert!(!text.contains("canary"), "{filter}: {text}");
            if filter.contains("bollard") || filter == "trace" {
                assert!(
                    text.contains("seen from log") && text.contains("seen from tracing"),
                    "{filter}: {text}"
                );
            }
        }
    }

    #[test]
    fn a_line_for_people_has_no_colour_unless_wanted() {
        let text = logged(&LogOptions::default(), || tracing::info!(stack = "media", "deployed"));
        assert!(text.ends_with(" INFO deployed stack=\"media\"\n"), "{text:?}");
        assert!(!text.contains('\u{1b}'));
        let colour = LogOptions { colour: true, ..LogOptions::default() };
        assert!(logged(&colour, || tracing::info!("deployed")).contains('\u{1b}'));
    }

    #[test]
    fn json_is_one_object_per_line() {
        let options = LogOptions { format: LogFormat::Json, ..LogOptions::default() };
        let text = logged(&options, || tracing::info!(stack = "media", "deployed"));
        let line: serde_json::Value = serde_json::from_str(text.trim_end()).expect("one object");
        assert_eq!((&line["message"], &line["stack"]), (&"deployed".into(), &"media".into()));
    }

    #[test]
    fn a_filter_that_cannot_be_read_is_an_error() {
        let options = LogOptions { filter: "info,evenkeel=loud".into(), ..LogOptions::default() };
        let error = init(&options).expect_err("no such level");
        assert!(error.to_string().starts_with("invalid log filter `info,evenkeel=loud`"), "{error}");
    }
}
